"""Which region: a pointer over the question's regions, aware of the region that the choice is relative to."""

from __future__ import annotations

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.heads.base import HeadInputs, HeadOutput, HeadTargets, RelativeScorer, choice_loss


class MultipleChoiceHead(nn.Module):
    """A pointer over any number of regions; "nearest to the empty transporter" has that one as its anchor."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.pointer = RelativeScorer(
            state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout
        )

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        if targets is None:
            logits, anchor_logits = self.pointer(inputs)
        else:
            is_anchor = targets.anchor_order == 1
            logits, anchor_logits = self.pointer(inputs, is_anchor, targets.grounded & is_anchor.any(-1))
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
        grounding_loss: Tensor = choice_loss(anchor_logits, targets.anchor_order == 1) * targets.grounded
        return replace(output, loss=loss, grounding_loss=grounding_loss)
