"""What every head is given and gives back, and the parts that heads share.

Dimensions: ``n`` questions of one task (may be 0), ``N`` regions (padded), ``D`` width of the language model,
``Z`` width of the region vector, ``H`` hidden width of the heads. Heads compute in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 3
"""Choices one after the other: "nearest to the leftmost of those on the mat" is the mat, the leftmost, the nearest."""

_TELLING = -2.0  # added to what makes a word tell a role: at first few do, and what they take away is little

_ONE = math.log(math.e - 1)  # softplus of it is 1

_TOUCHING = 0.3
"""Length below which two distances count as alike: of two regions that both touch the anchor, neither is the nearer."""


@dataclass(frozen=True)
class HeadInputs:
    """What the heads are given of questions: of a whole batch, or the slice of it that belongs to one task.

    Example:
        >>> import torch
        >>> from region_heads import HeadInputs
        >>> inputs = HeadInputs(
        ...     states=torch.randn(2, 3, 16), vectors=torch.randn(2, 3, 8), positions=torch.randn(2, 3, 3),
        ...     inside=torch.zeros(2, 3, 3), question=torch.randn(2, 16), words=torch.randn(2, 5, 16),
        ...     fits=torch.randn(2, 3, 5), valid=torch.ones(2, 3, dtype=torch.bool),
        ... )
        >>> inputs.of(torch.tensor([1])).states.shape
        torch.Size([1, 3, 16])
    """

    states: Tensor  # [n, N, D] hidden state of each region's read-out token
    vectors: Tensor  # [n, N, Z] region vectors from the region encoder
    positions: Tensor  # [n, N, 3] where each region is, in a learned metric that all heads share, in units of length
    inside: Tensor  # [n, N, N] share of the first region that lies within the hull of the second
    question: Tensor  # [n, D] hidden state of the answer token
    words: Tensor  # [n, W, D] hidden states of the question's words
    fits: Tensor  # [n, N, W] how well each word, by itself, fits each region; 0 on padding
    valid: Tensor  # bool [n, N], False on padding
    length_unit: float = 1.0  # metres that count as one in `positions`
    limit: Tensor | None = None  # [n] the length that the question says, in units of length; 0: none

    def of(self, rows: Tensor) -> HeadInputs:
        """The inputs of some of the questions, long ``[n]``."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        taken: dict[str, Any] = {name: v[rows] if isinstance(v, Tensor) else v for name, v in values.items()}
        return HeadInputs(**taken)


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


class MLP(nn.Module):
    """One hidden layer on parts, each of which is normalised by itself: of ``[..., inputs[i]]`` to ``[..., outputs]``.

    Under one norm 63 numbers of a region would vanish beside 4,096 hidden states.
    """

    def __init__(self, inputs: Sequence[int], hidden: int, outputs: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in inputs)
        self.layers = nn.Sequential(
            nn.Linear(sum(inputs), hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def forward(self, *parts: Tensor) -> Tensor:
        normalised = [norm(part) for norm, part in zip(self.norms, parts, strict=True)]
        mapped: Tensor = self.layers(torch.cat(normalised, -1))
        return mapped


class Zero(nn.Linear):
    """A layer that starts at zero: it adds nothing until it has learned, or where an older model lacks it."""

    def reset_parameters(self) -> None:
        """Called by PyTorch when it is made."""
        for weight in self.parameters():
            nn.init.zeros_(weight)


class Description(nn.Module):
    """How well regions fit the words that describe what has each of ``roles``: ``[n, roles, N]``, at most 0.

    The question says which of its words tell a role ("red" and "cube" what is counted, "cone" what it is near). A word
    that does not fit a region takes away, one that fits changes nothing, so all of them must. Which fit is enough, and
    how sharp the line is, is read from the word: texts say "red" of most red things, and "metal" of few metal ones.
    """

    def __init__(self, roles: int, *, state_size: int, hidden_size: int) -> None:
        super().__init__()
        self.asks = nn.Linear(state_size, roles * hidden_size)
        self.word = nn.Linear(state_size, hidden_size)
        self.enough = nn.Parameter(torch.zeros(roles))
        self.line = Zero(state_size, 2)

    def forward(self, inputs: HeadInputs) -> Tensor:
        asks = self.asks(inputs.question).unflatten(-1, (len(self.enough), -1))
        telling = torch.einsum("nrh,nwh->nrw", asks, self.word(inputs.words)) / asks.shape[-1] ** 0.5
        enough, sharp = self.line(inputs.words)[:, None, None].unbind(-1)
        over = F.softplus(sharp + _ONE) * (inputs.fits[:, None] - self.enough[:, None, None] - enough)
        fitting = F.logsigmoid(over) * (inputs.fits[:, None] != 0)
        described: Tensor = torch.einsum("nrw,nrsw->nrs", (telling + _TELLING).sigmoid(), fitting)
        return described


class RegionScorer(nn.Module):
    """Scores each region for roles that the question gives it: ``[n, roles, N]``.

    A score is read from the region's read-out state, which has seen the question, plus a term linear in the region
    vector whose direction the question chooses ("leftmost" looks along x, "nearest" along depth), plus how well the
    region fits the words that describe it.
    """

    def __init__(self, roles: int, *, state_size: int, vector_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.score = MLP([state_size, vector_size], hidden_size, roles, dropout=dropout)
        self.direction = nn.Linear(state_size, roles * vector_size)
        self.described = Description(roles, state_size=state_size, hidden_size=hidden_size)

    def forward(self, inputs: HeadInputs) -> Tensor:
        directions = self.direction(inputs.question).unflatten(-1, (-1, inputs.vectors.shape[-1]))
        along = torch.einsum("nrz,nsz->nrs", directions, inputs.vectors)
        scores: Tensor = self.score(inputs.states, inputs.vectors).mT + along + self.described(inputs)
        return scores


class Relation(nn.Module):
    """What a region's score gains by how it lies to a chosen one: ``[n, N]`` for each of ``roles``.

    Terms for the logarithm of their distance, and for how far one lies inside the other, as strong, and of the sign,
    that the question asks for: "nearest to", "farthest from", "on", "under". For "the leftmost buffer" the strengths
    are learned to be nothing. Where nearness is asked for, the chosen region itself is passed over.
    """

    def __init__(self, roles: int, *, state_size: int, hidden_size: int, dropout: float) -> None:
        super().__init__()
        self.roles = roles
        self.strength = MLP([state_size], hidden_size, 3 * roles, dropout=dropout)
        self.itself = nn.Parameter(torch.zeros(1))  # DeepSpeed cannot send a weight without a dimension

    def forward(self, inputs: HeadInputs, chosen: Tensor, role: int = 0) -> Tensor:
        near, within, around = self.strength(inputs.question).unflatten(-1, (self.roles, 3))[:, role, :, None].unbind(1)
        inside, holding = enclosed(inputs, chosen)
        # Of two regions the one that is a fifth nearer should win, whether they are near or far.
        gained: Tensor = (
            within * inside + around * holding - near * log_length(between(inputs, chosen), least=_TOUCHING)
        )
        gained -= near.abs() * F.softplus(self.itself) * chosen
        return gained


class Selector(nn.Module):
    """Chooses a region in up to ``steps`` choices: for "nearest to the left shelf" the shelf, then the nearest.

    Each choice is scored by the question, and by how a region lies to the one that was chosen before it. The last
    choice is what is asked for; where fewer steps are needed the first ones are learned not to matter.
    """

    def __init__(
        self, *, state_size: int, vector_size: int, hidden_size: int, dropout: float, steps: int = STEPS
    ) -> None:
        super().__init__()
        self.steps = steps
        self.own = RegionScorer(
            steps, state_size=state_size, vector_size=vector_size, hidden_size=hidden_size, dropout=dropout
        )
        self.relation = Relation(steps - 1, state_size=state_size, hidden_size=hidden_size, dropout=dropout)

    def forward(
        self, inputs: HeadInputs, known: Tensor | None = None, last: Tensor | float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Logits and one-hot choices, ``[n, steps, N]`` both, padding at a large negative.

        Args:
            inputs: The questions.
            known: bool ``[n, steps, N]``, the right choice of each step where it is known, else all False.
            last: ``[n, N]`` what is added to the scores of the last step.
        """
        own = self.own(inputs)
        scores, choices = [], list[Tensor]()
        for step in range(self.steps):
            score = own[:, step]
            if step > 0:
                score = score + self.relation(inputs, choices[-1], step - 1)
            if step == self.steps - 1:
                score = score + last
            scores.append(score.masked_fill(~inputs.valid, -1e4))
            choices.append(choose(scores[-1], None if known is None else known[:, step]))
        return torch.stack(scores, 1), torch.stack(choices, 1)


def in_steps(order: Tensor, steps: int) -> Tensor:
    """Which region each step should choose, bool ``[n, steps, N]``, of an order of mention ``[n, N]``.

    The one that was named last is the last choice: "the shelf on the left is …; the buffer nearest to it is …".
    """
    back = torch.arange(steps - 1, -1, -1, device=order.device)[:, None]
    return (order[:, None] > 0) & (order[:, None] == order.amax(-1)[:, None, None] - back)


def between(inputs: HeadInputs, chosen: Tensor) -> Tensor:
    """Ways from the chosen region ``[n, N]`` to each region, ``[n, N, 3]``."""
    return inputs.positions - pick(chosen, inputs.positions)[:, None]


def enclosed(inputs: HeadInputs, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """How far each region lies inside the chosen one, and the chosen one inside it; ``[n, N]`` shares both."""
    inside = torch.einsum("nrc,nc->nr", inputs.inside, chosen)
    return inside, torch.einsum("ncr,nc->nr", inputs.inside, chosen)


def log_length(vectors: Tensor, *, least: float) -> Tensor:
    """``log(length + least)`` of vectors ``[..., 3]``; the gradient is finite at 0, too."""
    return torch.log(torch.sqrt(vectors.square().sum(-1) + 1e-6) + least)


def pick(weights: Tensor, values: Tensor) -> Tensor:
    """Weighted sum over regions: ``[n, N]`` and ``[n, N, X]`` to ``[n, X]``."""
    return torch.einsum("nr,nrx->nx", weights, values)


def choose(logits: Tensor, known: Tensor | None = None) -> Tensor:
    """One-hot choice among regions ``[n, N]``: the known one (bool ``[n, N]``) where there is one, else the best.

    The gradient flows through the softmax (straight-through), so that a choice without grounding is learned from
    what follows from it, and the head sees the same sharp choices in training and in use.
    """
    soft = logits.softmax(-1)
    # An index over the regions also when there are no questions at all: argmax of [0, N] is [0].
    hard = F.one_hot(soft.argmax(-1), logits.shape[1]).to(soft.dtype)
    # The bracket is exactly 0: two choices of the same region then differ by nothing, not by rounding.
    chosen = hard + (soft - soft.detach())
    if known is None:
        return chosen
    return torch.where(known.any(-1, keepdim=True), known.to(soft.dtype), chosen)


def choice_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy ``[…]`` against the regions that ``wanted`` (bool ``[…, N]``) marks, shared evenly; 0 for none."""
    wanted = wanted.to(logits.dtype)
    total = wanted.sum(-1)
    share = wanted / total.clamp_min(1)[..., None]
    return -(share * logits.log_softmax(-1)).sum(-1)
