"""Heads that compare two regions: how far apart they are, and on which side the first one is."""

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

_TOLERANCE = 0.095
"""log(1.1): errors of the log distance are measured in units of the benchmark's ±10 % band."""

_LOG_FLOOR = 0.05
"""Metres added before the logarithm, so that two coinciding regions have a finite one."""


class _PairHead(nn.Module):
    """Selects the two regions that a question compares and joins what is known of them."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        sizes = {"state_size": state_size, "vector_size": vector_size, "hidden_size": hidden_size}
        self.first = RegionScorer(**sizes, dropout=dropout)
        self.second = RegionScorer(**sizes, dropout=dropout)
        self.pair_size = 3 * state_size + 4 * vector_size

    def select(self, inputs: HeadInputs, targets: HeadTargets | None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Returns pair features ``[n, pair_size]``, the two region vectors ``[n, Z]`` and the two logits ``[n, N]``."""
        logits_a, logits_b = self.first(inputs), self.second(inputs)
        if targets is None:
            weights_a, weights_b = choose(logits_a), choose(logits_b)
        else:
            # Teacher forcing: the comparison is learned on the right pair, the selection by its own loss.
            is_a, is_b = targets.answer_order == 1, targets.answer_order == 2
            known = targets.grounded & is_a.any(-1) & is_b.any(-1)
            weights_a, weights_b = choose(logits_a, is_a, known), choose(logits_b, is_b, known)
        z_a, z_b = pick(weights_a, inputs.vectors), pick(weights_b, inputs.vectors)
        h_a, h_b = pick(weights_a, inputs.states), pick(weights_b, inputs.states)
        pair = torch.cat([inputs.question, h_a, h_b, z_a, z_b, z_a - z_b, (z_a - z_b).abs()], -1)
        return pair, z_a, z_b, logits_a, logits_b

    @staticmethod
    def grounding_loss(logits_a: Tensor, logits_b: Tensor, targets: HeadTargets) -> Tensor:
        """Cross-entropy ``[n]`` of the two selections, 0 where the pair is unknown."""
        loss = choice_loss(logits_a, (targets.answer_order == 1).to(logits_a.dtype))
        loss = loss + choice_loss(logits_b, (targets.answer_order == 2).to(logits_b.dtype))
        return loss * targets.grounded

    @staticmethod
    def weights(logits_a: Tensor, logits_b: Tensor) -> Tensor:
        """Probability ``[n, N]`` that a region is one of the two."""
        return 1 - (1 - logits_a.softmax(-1)) * (1 - logits_b.softmax(-1))


class DistanceHead(_PairHead):
    """Metres between two regions: ``log`` of a learned metric plus a correction, and a gate for exactly zero."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__(state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout)
        self.position = nn.Linear(vector_size, 3)
        self.correction = MLP(self.pair_size + 1, hidden_size, 1, dropout=dropout)
        self.inside = MLP(self.pair_size + 1, hidden_size, 1, dropout=dropout)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        pair, z_a, z_b, logits_a, logits_b = self.select(inputs, targets)
        apart = self.position(z_a - z_b) - self.position.bias
        log_metric = torch.log(torch.sqrt(apart.square().sum(-1, keepdim=True) + 1e-6) + _LOG_FLOOR)
        features = torch.cat([pair, log_metric], -1)
        log_distance = (log_metric + self.correction(features)).squeeze(-1)
        zero_logit = self.inside(features).squeeze(-1)
        zero = zero_logit > 0
        answer = torch.where(zero, torch.zeros_like(log_distance), log_distance.clamp(-5, 6).exp())
        certainty = torch.where(zero, zero_logit.sigmoid(), (-zero_logit).sigmoid())
        picked = logits_a.softmax(-1).amax(-1) * logits_b.softmax(-1).amax(-1)
        output = HeadOutput(
            answer=answer,
            confidence=certainty * picked,
            answer_weights=self.weights(logits_a, logits_b),
            anchor_weights=torch.zeros_like(logits_a),
        )
        if targets is None:
            return output
        truth = targets.target.float()
        is_zero = truth == 0
        wanted = torch.log(truth.clamp_min(_LOG_FLOOR))
        error = (log_distance - wanted) / _TOLERANCE
        # Huber: beyond the tolerance the error counts linearly, so that a few wild ones do not rule the gradient.
        regression = F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=1.0)
        gate = F.binary_cross_entropy_with_logits(zero_logit, is_zero.float(), reduction="none")
        loss = 0.3 * regression.masked_fill(is_zero, 0.0) + gate
        return replace(output, loss=loss, grounding_loss=self.grounding_loss(logits_a, logits_b, targets))


class LeftRightHead(_PairHead):
    """The side of the first region relative to the second: class 0 is left, class 1 is right."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__(state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout)
        self.side = MLP(self.pair_size, hidden_size, 2, dropout=dropout)
        self.offset = nn.Linear(vector_size, 2)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        pair, z_a, z_b, logits_a, logits_b = self.select(inputs, targets)
        logits = self.side(pair) + self.offset(z_a - z_b)
        output = HeadOutput(
            answer=logits.argmax(-1),
            confidence=logits.softmax(-1).amax(-1),
            answer_weights=self.weights(logits_a, logits_b),
            anchor_weights=torch.zeros_like(logits_a),
        )
        if targets is None:
            return output
        loss = F.cross_entropy(logits, targets.target.long(), reduction="none")
        return replace(output, loss=loss, grounding_loss=self.grounding_loss(logits_a, logits_b, targets))
