"""What every head is given and gives back, and the parts that heads share.

Dimensions: ``n`` questions of one task (may be 0), ``N`` regions (padded), ``D`` width of the language model,
``Z`` width of the region vector, ``H`` hidden width of the heads. Heads compute in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TOUCHING = 0.3
"""Metres below which two distances count as alike: of two regions that both touch the anchor, neither is the nearer."""


@dataclass(frozen=True)
class HeadInputs:
    """The slice of a batch that belongs to one task."""

    states: Tensor  # [n, N, D] hidden state of each region's read-out token
    vectors: Tensor  # [n, N, Z] region vectors from the region encoder
    positions: Tensor  # [n, N, 3] where each region is, in a learned metric that all heads share
    inside: Tensor  # [n, N, N] share of the first region that lies within the hull of the second
    question: Tensor  # [n, D] hidden state of the answer token
    valid: Tensor  # bool [n, N], False on padding


@dataclass(frozen=True)
class HeadTargets:
    """Targets of the same slice; orders are 1, 2, … in order of mention and 0 elsewhere."""

    target: Tensor  # [n], dtype of the task
    answer_order: Tensor  # long [n, N] regions that the answer is about
    anchor_order: Tensor  # long [n, N] regions that helped to find them
    grounded: Tensor  # bool [n] whether the two rows above are known


@dataclass(frozen=True)
class HeadOutput:
    """Answers of one head, and its losses when it was given targets."""

    answer: Tensor  # [n] metres (float), class, region or count (long)
    confidence: Tensor  # [n] 0..1
    answer_weights: Tensor  # [n, N] 0..1: the region is what the answer is about
    anchor_weights: Tensor  # [n, N] 0..1: the region helped to find it
    loss: Tensor | None = None  # [n] loss of the answer
    grounding_loss: Tensor | None = None  # [n] 0 where the grounding is unknown


class MLP(nn.Sequential):
    """Layer norm, one hidden layer, dropout."""

    def __init__(self, inputs: int, hidden: int, outputs: int, *, dropout: float = 0.0) -> None:
        super().__init__(
            nn.LayerNorm(inputs),
            nn.Linear(inputs, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )


class RegionScorer(nn.Module):
    """Scores each region for a role that the question gives it: ``[n, N]`` logits, padding at a large negative.

    A score is read from the region's read-out state, plus a term linear in the region vector whose direction
    the question chooses ("leftmost" looks along x, "nearest" along depth).
    """

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.score = MLP(state_size + vector_size, hidden_size, 1, dropout=dropout)
        self.direction = nn.Linear(state_size, vector_size)

    def forward(self, inputs: HeadInputs) -> Tensor:
        scores = self.score(torch.cat([inputs.states, inputs.vectors], -1)).squeeze(-1)
        scores = scores + torch.einsum("nrz,nz->nr", inputs.vectors, self.direction(inputs.question))
        masked: Tensor = scores.masked_fill(~inputs.valid, -1e4)
        return masked


class Nearness(nn.Module):
    """What a region's score gains by being near the chosen one, or far from it: ``[n, N]``.

    A term for the logarithm of the distance, as strong, and of the sign, that the question asks for, and by which the
    chosen region itself is passed over. For "the leftmost buffer" the strength is learned to be nothing.
    """

    def __init__(self, *, state_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.strength = MLP(state_size, hidden_size, 1, dropout=dropout)
        self.itself = nn.Parameter(torch.zeros(1))  # DeepSpeed cannot send a weight without a dimension

    def forward(self, inputs: HeadInputs, chosen: Tensor) -> Tensor:
        apart = inputs.positions - pick(chosen, inputs.positions)[:, None]
        strength: Tensor = self.strength(inputs.question)
        # Of two regions the one that is a fifth nearer should win, whether they are near or far.
        return -strength * log_length(apart, least=_TOUCHING) - strength.abs() * F.softplus(self.itself) * chosen


class RelativeScorer(nn.Module):
    """Scores regions for a role that the question may tie to another region: "the buffer nearest to the left shelf".

    Two choices, one after the other: the anchor (the shelf), then the region, whose score has a term for how near it is
    to the anchor.
    """

    def __init__(self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        sizes = {"state_size": state_size, "vector_size": vector_size, "hidden_size": hidden_size}
        self.own = RegionScorer(**sizes, dropout=dropout)
        self.anchor = RegionScorer(**sizes, dropout=dropout)
        self.nearness = Nearness(state_size=state_size, hidden_size=hidden_size, dropout=dropout)

    def forward(
        self, inputs: HeadInputs, anchor: Tensor | None = None, is_known: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[n, N]`` of the role and of the anchor; ``anchor [n, N]`` is the true one where ``is_known [n]``."""
        anchor_logits = self.anchor(inputs)
        chosen = choose(anchor_logits, anchor, is_known)
        logits = self.own(inputs) + self.nearness(inputs, chosen)
        masked: Tensor = logits.masked_fill(~inputs.valid, -1e4)
        return masked, anchor_logits


def log_length(vectors: Tensor, *, least: float) -> Tensor:
    """``log(length + least)`` of vectors ``[..., 3]`` in metres; the gradient is finite at 0, too."""
    return torch.log(torch.sqrt(vectors.square().sum(-1) + 1e-6) + least)


def pick(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted sum over regions: ``[n, N]`` and ``[n, N, X]`` to ``[n, X]``."""
    return torch.einsum("nr,nrx->nx", weights, values)


def choose(logits: Tensor, known: Tensor | None = None, is_known: Tensor | None = None) -> Tensor:
    """One-hot choice among regions ``[n, N]``: the known one where there is one, else the highest score.

    The gradient flows through the softmax (straight-through), so that a choice without grounding is learned from
    what follows from it, and the head sees the same sharp choices in training and in use.
    """
    soft = logits.softmax(-1)
    # An index over the regions also when there are no questions at all: argmax of [0, N] is [0].
    hard = F.one_hot(soft.argmax(-1), logits.shape[1]).to(soft.dtype)
    # The bracket is exactly 0: two choices of the same region then differ by nothing, not by rounding.
    chosen = hard + (soft - soft.detach())
    if known is None or is_known is None:
        return chosen
    return torch.where(is_known[:, None], known.to(soft.dtype), chosen)


def choice_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy ``[n]`` against the regions that ``wanted`` (bool ``[n, N]``) marks, shared evenly; 0 for none."""
    wanted = wanted.to(logits.dtype)
    total = wanted.sum(-1)
    share = wanted / total.clamp_min(1)[:, None]
    return -(share * logits.log_softmax(-1)).sum(-1)
