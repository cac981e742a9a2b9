"""Which region: a pointer over the question's regions, aware of the region that the choice is relative to."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.heads.base import (
    MLP,
    HeadInputs,
    HeadOutput,
    HeadTargets,
    RegionScorer,
    choice_loss,
    choose,
    pick,
)


class MultipleChoiceHead(nn.Module):
    """A pointer over any number of regions.

    "Nearest to the empty transporter" needs two choices: an anchor, and the region nearest to it. The pointer's score
    therefore has a term for the distance to the anchor in a learned metric, as strong as the question asks for.
    """

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        sizes = {"state_size": state_size, "vector_size": vector_size, "hidden_size": hidden_size}
        self.pointer = RegionScorer(**sizes, dropout=dropout)
        self.anchor = RegionScorer(**sizes, dropout=dropout)
        self.position = nn.Linear(vector_size, 3, bias=False)
        self.nearness = MLP(state_size, hidden_size, 1, dropout=dropout)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        anchor_logits = self.anchor(inputs)
        if targets is None:
            anchor = choose(anchor_logits)
        else:
            is_anchor = targets.anchor_order == 1
            anchor = choose(anchor_logits, is_anchor, targets.grounded & is_anchor.any(-1))
        z_anchor = pick(anchor, inputs.vectors)
        apart = self.position(inputs.vectors - z_anchor[:, None])
        distance = torch.sqrt(apart.square().sum(-1) + 1e-6)
        nearness = F.softplus(self.nearness(inputs.question))
        logits = self.pointer(inputs) - nearness * distance
        logits = logits.masked_fill(~inputs.valid, -1e4)
        probabilities = logits.softmax(-1)
        output = HeadOutput(
            answer=logits.argmax(-1),
            confidence=probabilities.amax(-1),
            answer_weights=probabilities,
            anchor_weights=anchor_logits.softmax(-1),
        )
        if targets is None:
            return output
        loss = F.cross_entropy(logits, targets.target.long(), reduction="none")
        return replace(output, loss=loss, grounding_loss=self._grounding_loss(anchor_logits, targets))

    @staticmethod
    def _grounding_loss(anchor_logits: Tensor, targets: HeadTargets) -> Tensor:
        return choice_loss(anchor_logits, (targets.anchor_order > 0).to(anchor_logits.dtype)) * targets.grounded
