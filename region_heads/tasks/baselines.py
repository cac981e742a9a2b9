"""Trivial baselines: what an answer without looking is worth; fitted on the training split only."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
