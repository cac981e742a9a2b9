"""Trivial baselines: what an answer without looking is worth; fitted on the training split only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Rule = Callable[[Any, Any], bool]
"""``correct(prediction, truth)`` of a task."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An answer without looking.

    Attributes:
        name: What it does, in words, as in the report.
        credit: ``credit(truth, n_regions)``: the chance, 0..1, that it is right on a question.
    """

    name: str
    credit: Callable[[Any, int], float]


Fit = Callable[[Sequence[Any], Sequence[int], Rule], Baseline]
"""``fit(truths, n_regions, correct)`` on the training questions of one task, at least one."""


def always(answer: Any, correct: Rule) -> Baseline:
    """Gives the same answer to every question."""
    return Baseline(name=f"always {answer}", credit=lambda truth, _: float(correct(answer, truth)))


def most_frequent_answer(truths: Sequence[Any], n_regions: Sequence[int], correct: Rule) -> Baseline:
    """Always the answer that training has most often (of equals, the first in text order)."""
    del n_regions
    counts = Counter(str(truth) for truth in truths)
    best = min(counts, key=lambda text: (-counts[text], text))
    return always(next(truth for truth in truths if str(truth) == best), correct)


def frequent_region_or_guess(truths: Sequence[Any], n_regions: Sequence[int], correct: Rule) -> Baseline:
    """The stronger one, on the training split, of the most frequent index and a guess among the regions."""
    frequent = most_frequent_answer(truths, n_regions, correct)
    guess = Baseline(
        name="a guess among the regions",
        credit=lambda _, regions: 1 / regions if regions > 0 else 0.0,
    )
    scores = [
        np.mean([baseline.credit(t, n) for t, n in zip(truths, n_regions, strict=True)])
        for baseline in (frequent, guess)
    ]
    return frequent if scores[0] >= scores[1] else guess


def best_constant_in_band(truths: Sequence[Any], n_regions: Sequence[int], correct: Rule) -> Baseline:
    """The constant, 0 included, that is right most often when ``0.9 t <= constant <= 1.1 t`` counts as right.

    Every truth t > 0 accepts an interval of constants; the one in most intervals can be taken to be some
    interval's lower end, so one pass over the sorted ends finds it. A truth of 0 accepts only 0.
    """
    del n_regions
    t = np.array([float(truth) for truth in truths])
    low, high = np.sort(0.9 * t), np.sort(1.1 * t)
    candidates = np.unique(low)
    inside = np.searchsorted(low, candidates, side="right") - np.searchsorted(high, candidates, side="left")
    best = float(candidates[int(np.argmax(inside))])
    chosen = always(best, correct)
    return Baseline(name=f"always {best:.2f}", credit=chosen.credit)
