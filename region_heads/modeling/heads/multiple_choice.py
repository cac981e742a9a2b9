"""Which region: a pointer over the question's regions, aware of the regions that the choice is relative to."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.heads.base import HeadInputs, HeadOutput, HeadTargets, Selector, choice_loss, in_steps


class MultipleChoiceHead(nn.Module):
    """A pointer over any number of regions; "nearest to the empty transporter" has that one as its anchor."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.pointer = Selector(
            state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout
        )

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        anchors = None
        if targets is not None:
            anchors = in_steps(targets.anchor_order, self.pointer.steps - 1) & targets.grounded[:, None, None]
            anchors = torch.cat([anchors, torch.zeros_like(anchors[:, :1])], 1)  # the answer itself is not told
        steps, _ = self.pointer(inputs, anchors)
        logits = steps[:, -1]
        probabilities = logits.softmax(-1)
        output = HeadOutput(
            answer=logits.argmax(-1),
            confidence=probabilities.amax(-1),
            answer_weights=probabilities,
            anchor_weights=steps[:, -2].softmax(-1),
        )
        if targets is None or anchors is None:
            return output
        loss = F.cross_entropy(logits, targets.target.long(), reduction="none")
        grounding_loss: Tensor = choice_loss(steps, anchors).sum(-1)
        return replace(output, loss=loss, grounding_loss=grounding_loss)
