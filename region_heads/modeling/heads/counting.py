"""How many: a sum of per-region gates where the counted things are regions, and bounded classes where they are seen."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.errors import RegionHeadsError
from region_heads.modeling.heads.base import (
    MLP,
    HeadInputs,
    HeadOutput,
    HeadTargets,
    RelativeScorer,
    choice_loss,
    choose,
    pick,
)
from region_heads.tasks.counting import MAX_COUNT


class CountingHead(nn.Module):
    """Counts the regions inside a container region, or what the picture shows inside it.

    Attention weights sum to one and lose the count; gates do not. Each region has a gate, their sum ``s`` favours the
    class nearest to it by ``-w (k - s)^2``, and ``w`` and the class scores come from the question and the container.

    Args:
        max_count: Largest count that it can say; ``training.build`` takes it from the training data.
    """

    def __init__(
        self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float, max_count: int = MAX_COUNT
    ) -> None:
        super().__init__()
        self.max_count = max_count
        self.container = RelativeScorer(
            state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout
        )
        self.member = MLP(4 * vector_size + 1, hidden_size, 1, dropout=dropout)
        scene = 2 * state_size + vector_size
        self.classes = MLP(scene, hidden_size, max_count + 1, dropout=dropout)
        self.trust = MLP(scene, hidden_size, 1, dropout=dropout)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        if targets is None:
            container_logits, reference_logits = self.container(inputs)
            container = choose(container_logits)
        else:
            is_reference, is_container = self._anchors(targets)
            container_logits, reference_logits = self.container(inputs, is_reference, is_reference.any(-1))
            container = choose(container_logits, is_container, is_container.any(-1))
        z_container = pick(container, inputs.vectors)
        h_container = pick(container, inputs.states)
        member_logits = self._member_logits(inputs, container, z_container)
        gates = member_logits.sigmoid() * inputs.valid
        scene = torch.cat([inputs.question, h_container, z_container], -1)
        trust = F.softplus(self.trust(scene))
        counts = torch.arange(self.max_count + 1, dtype=gates.dtype, device=gates.device)
        seen = self.classes(scene)
        logits = seen - trust * (counts - gates.sum(-1, keepdim=True)).square()
        output = HeadOutput(
            answer=logits.argmax(-1),
            confidence=logits.softmax(-1).amax(-1),
            answer_weights=gates,
            anchor_weights=container_logits.softmax(-1),
        )
        if targets is None:
            return output
        target = targets.target.long()
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) <= self.max_count:
            raise RegionHeadsError(
                f"counting: expected counts from 0 to {self.max_count}, which the head was built for, found "
                f"{int(target.min())} to {int(target.max())}; train from scratch, or correct the counts"
            )
        # What the picture shows agrees also where the counted are marked: then it is learned from these, too.
        loss = F.cross_entropy(logits, target, reduction="none") + F.cross_entropy(seen, target, reduction="none")
        return replace(
            output,
            loss=loss,
            grounding_loss=targets.grounded
            * (
                8 * self._membership_loss(member_logits, inputs, targets)
                + choice_loss(container_logits, is_container)
                + choice_loss(reference_logits, is_reference)
            ),
        )

    def _member_logits(self, inputs: HeadInputs, container: Tensor, z_container: Tensor) -> Tensor:
        around = z_container[:, None].expand_as(inputs.vectors)
        offset = inputs.vectors - around
        inside = torch.einsum("nrc,nc->nr", inputs.inside, container)[..., None]
        features = torch.cat([inputs.vectors, around, offset, offset.abs(), inside], -1)
        logits: Tensor = self.member(features).squeeze(-1)
        return logits

    @staticmethod
    def _anchors(targets: HeadTargets) -> tuple[Tensor, Tensor]:
        """Which region (bool ``[n, N]``) the container was found by, and which it is; none where not grounded.

        The container is named last: "the shelf on the left is …; the buffer nearest to it is …".
        """
        order = targets.anchor_order
        last = order.amax(-1, keepdim=True)
        grounded = targets.grounded[:, None]
        return grounded & (order > 0) & (order == last - 1), grounded & (order > 0) & (order == last)

    @staticmethod
    def _membership_loss(member_logits: Tensor, inputs: HeadInputs, targets: HeadTargets) -> Tensor:
        members = (targets.answer_order > 0).to(member_logits.dtype)
        per_region = F.binary_cross_entropy_with_logits(member_logits, members, reduction="none")
        return (per_region * inputs.valid).sum(-1) / inputs.valid.sum(-1).clamp_min(1)
