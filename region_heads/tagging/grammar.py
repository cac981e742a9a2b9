"""Question text to task: what the rules of each task say, weighed with a small classifier, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from region_heads.tagging.classifier import bundled
from region_heads.tagging.reading import folded, read
from region_heads.tagging.rules import grammar
from region_heads.tasks import TASK_NAMES

UNKNOWN = "unknown"
"""The task of a question that is not understood, or is none of ours."""

_SILENCE = 2.0
"""Weight of "none of them": a question with only traces of evidence is not understood."""

_SCALE = 0.3
"""Weight of a rule to log-odds, beside the classifier's; chosen on development questions."""

Chances = Callable[[str], Sequence[float]]


@dataclass(frozen=True)
class Tag:
    """The task of a question.

    Attributes:
        task: A task's name, or :data:`UNKNOWN`.
        confidence: 0..1, that the best guess is right.
        evidence: Examples of the rules that spoke for the task, the heaviest first.
        source: "rules" when the rules alone say the same, "model" when the classifier decided, "none" when unknown.
    """

    task: str
    confidence: float
    evidence: tuple[str, ...]
    source: Literal["rules", "model", "none"]


def tag(question: str, *, min_confidence: float = 0.5) -> Tag:
    """The task of ``question`` from its words alone.

    Args:
        min_confidence: Below it the task is :data:`UNKNOWN`; the confidence is that of the best guess.

    Example:
        >>> tag("How far is the pallet <mask> from the shelf <mask>?").task
        'distance'
    """
    guess = _judged(folded(question))
    if guess.task == UNKNOWN or guess.confidence >= min_confidence:
        return guess
    return Tag(UNKNOWN, guess.confidence, guess.evidence, "none")


@lru_cache(maxsize=1 << 16)  # the half million questions of the public set have some hundred wordings
def _judged(question: str) -> Tag:
    return judged(question)


def judged(question: str, chances: Chances | None = None) -> Tag:
    """The best guess, whatever its confidence.

    Args:
        chances: Another classifier than the library's.
    """
    reading = read(question)
    spoken = [[rule for rule in grammar(name) if rule.expression.search(reading)] for name in TASK_NAMES]
    weights = [sum(rule.weight for rule in rules) for rules in spoken]
    learned = (chances or bundled())(reading)
    scores = [
        _SCALE * weight + math.log(max(chance, 1e-9))
        for weight, chance in zip([*weights, _SILENCE], learned, strict=True)
    ]
    best = max(range(len(scores)), key=scores.__getitem__)
    confidence = 1 / sum(math.exp(score - scores[best]) for score in scores)
    if best == len(TASK_NAMES):
        return Tag(UNKNOWN, 1 - confidence, (), "none")
    rules = sorted(spoken[best], key=lambda rule: -rule.weight)
    source: Literal["rules", "model"] = "rules" if weights[best] == max(*weights, _SILENCE) else "model"
    return Tag(TASK_NAMES[best], confidence, tuple(rule.example for rule in rules), source)
