"""Question text to task: adds up what the rules of each task say, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from region_heads.tagging.reading import folded, read
from region_heads.tagging.rules import grammar
from region_heads.tasks import TASKS

UNKNOWN = "unknown"
"""The task of a question that the grammar does not understand."""

_SILENCE = 2.0
"""Weight of "none of them": a question with only traces of evidence is not understood."""

_SCALE = 0.8
"""Weight to log-odds."""


@dataclass(frozen=True)
class Tag:
    """The task of a question.

    Attributes:
        task: A task's name, or :data:`UNKNOWN`.
        confidence: 0..1; grows with the lead over the second task and over silence.
        evidence: Examples of the rules that spoke for the task, the heaviest first.
    """

    task: str
    confidence: float
    evidence: tuple[str, ...]


def tag(question: str, *, min_confidence: float = 0.5) -> Tag:
    """The task of ``question`` from its words alone.

    Args:
        min_confidence: Below it the task is :data:`UNKNOWN`; the confidence is that of the best guess.

    Example:
        >>> tag("How far is the pallet <mask> from the shelf <mask>?").task
        'distance'
    """
    best, confidence, evidence = _judged(folded(question))
    return Tag(best if confidence >= min_confidence else UNKNOWN, confidence, evidence)


@lru_cache(maxsize=1 << 16)  # the half million questions of the public set have some hundred wordings
def _judged(question: str) -> tuple[str, float, tuple[str, ...]]:
    """The best guess, how sure it is, and what speaks for it."""
    reading = read(question)
    spoken = {task.name: [rule for rule in grammar(task.name) if rule.expression.search(reading)] for task in TASKS}
    weights = {name: sum(rule.weight for rule in rules) for name, rules in spoken.items()}
    best = max(weights, key=lambda name: weights[name])
    odds = sum(math.exp(_SCALE * (weight - weights[best])) for weight in [*weights.values(), _SILENCE])
    confidence = 1 / odds
    rules = sorted(spoken[best], key=lambda rule: -rule.weight)
    return best, confidence, tuple(rule.example for rule in rules)
