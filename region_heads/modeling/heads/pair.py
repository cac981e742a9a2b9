"""Heads that compare two regions: how far apart they are, and on which side the first one is."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.modeling.heads.base import (
    MLP,
    HeadInputs,
    HeadOutput,
    HeadTargets,
    Relation,
    Selector,
    choice_loss,
    log_length,
    pick,
)

_TOLERANCE = 0.095  # log(1.1): errors of the log distance are measured in units of the benchmark's ±10 % band
_COINCIDING = 0.05  # length, far below what is asked for: the logarithm of two coinciding regions' distance is finite


_NEVER = 1e4  # taken off a score that must not win; what padding is set to, so that both stay below every real one


class _PairHead(nn.Module):
    """Selects the two regions that a question compares, the second after the first ("and its nearest neighbour")."""

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        sizes = {"state_size": state_size, "vector_size": vector_size, "hidden_size": hidden_size}
        self.first = Selector(**sizes, dropout=dropout, steps=2)
        self.second = Selector(**sizes, dropout=dropout, steps=2)
        self.relation = Relation(1, state_size=state_size, hidden_size=hidden_size, dropout=dropout)

    def select(self, inputs: HeadInputs, targets: HeadTargets | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The two choices (one-hot), never of the same region, and their logits, all ``[n, N]``."""
        known_a = known_b = None
        if targets is not None:
            # Teacher forcing: the comparison is learned on the right pair, the selection by its own loss.
            pair = [targets.answer_order == 1, targets.answer_order == 2]
            known = targets.grounded & pair[0].any(-1) & pair[1].any(-1)
            known_a, known_b = (torch.stack([torch.zeros_like(one), one & known[:, None]], 1) for one in pair)
        logits_a, chosen_a = (steps[:, -1] for steps in self.first(inputs, known_a))
        # Of two regions the second is then the other one, and nothing has to be learned about which are compared.
        after_first = self.relation(inputs, chosen_a) - _NEVER * chosen_a.detach()
        logits_b, chosen_b = (steps[:, -1] for steps in self.second(inputs, known_b, after_first))
        return chosen_a, chosen_b, logits_a, logits_b

    @staticmethod
    def grounding_loss(logits_a: Tensor, logits_b: Tensor, targets: HeadTargets) -> Tensor:
        """Cross-entropy ``[n]`` of the two selections, 0 where the pair is unknown."""
        loss = choice_loss(logits_a, targets.answer_order == 1) + choice_loss(logits_b, targets.answer_order == 2)
        return loss * targets.grounded

    @staticmethod
    def weights(logits_a: Tensor, logits_b: Tensor) -> Tensor:
        """Probability ``[n, N]`` that a region is one of the two."""
        return 1 - (1 - logits_a.softmax(-1)) * (1 - logits_b.softmax(-1))


class DistanceHead(_PairHead):
    """Metres between two regions: ``log`` of their positions' distance plus a correction, and a gate for exactly zero.

    The words say which two are meant; how far apart they are is then read from the regions alone, the same in both
    directions.
    """

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__(state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout)
        self.correction = MLP([3 * vector_size + 3], hidden_size, 1, dropout=dropout)
        self.inside = MLP([3 * vector_size + 3], hidden_size, 1, dropout=dropout)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        chosen_a, chosen_b, logits_a, logits_b = self.select(inputs, targets)
        z_a, z_b = pick(chosen_a, inputs.vectors), pick(chosen_b, inputs.vectors)
        a_in_b = torch.einsum("na,nb,nab->n", chosen_a, chosen_b, inputs.inside)[:, None]
        b_in_a = torch.einsum("na,nb,nba->n", chosen_a, chosen_b, inputs.inside)[:, None]
        apart = pick(chosen_a, inputs.positions) - pick(chosen_b, inputs.positions)
        log_metric = log_length(apart, least=_COINCIDING)[:, None]
        both = torch.stack([
            torch.cat([z_a, z_b, a_in_b, b_in_a, (z_a - z_b).abs(), log_metric], -1),
            torch.cat([z_b, z_a, b_in_a, a_in_b, (z_a - z_b).abs(), log_metric], -1),
        ])  # fmt: skip
        log_distance = (log_metric + self.correction(both).mean(0)).squeeze(-1)
        zero_logit = self.inside(both).mean(0).squeeze(-1)
        zero = zero_logit > 0
        metres = inputs.length_unit * log_distance.clamp(-5, 6).exp()
        answer = torch.where(zero, torch.zeros_like(metres), metres)
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
        truth = targets.target.float() / inputs.length_unit
        is_zero = truth == 0
        wanted = torch.log(truth.masked_fill(is_zero, 1.0))  # zero is the gate's; no other distance is too short
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
        self.side = MLP([3 * state_size, 4 * vector_size], hidden_size, 2, dropout=dropout)
        self.offset = nn.Linear(vector_size, 2)

    def forward(self, inputs: HeadInputs, targets: HeadTargets | None = None) -> HeadOutput:
        chosen_a, chosen_b, logits_a, logits_b = self.select(inputs, targets)
        z_a, z_b = pick(chosen_a, inputs.vectors), pick(chosen_b, inputs.vectors)
        h_a, h_b = pick(chosen_a, inputs.states), pick(chosen_b, inputs.states)
        states = torch.cat([inputs.question, h_a, h_b], -1)
        logits = self.side(states, torch.cat([z_a, z_b, z_a - z_b, (z_a - z_b).abs()], -1)) + self.offset(z_a - z_b)
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
