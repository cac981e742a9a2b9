"""Question text to task: what the classifier makes of its words, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from region_heads.tagging.classifier import UNKNOWN, WordingClassifier, bundled
from region_heads.tagging.reading import folded, read


@dataclass(frozen=True)
class Tag:
    """The task of a question.

    Attributes:
        task: A task's name, or :data:`UNKNOWN`.
        confidence: 0..1, that the best guess among the tasks is right.
    """

    task: str
    confidence: float

    @property
    def source(self) -> str:
        """ "model", or "none" where the task is unknown."""
        return "none" if self.task == UNKNOWN else "model"


def tag(question: str, *, min_confidence: float = 0.5) -> Tag:
    """The task of ``question`` from its words alone.

    Args:
        min_confidence: Below it the task is :data:`UNKNOWN`; the confidence is that of the best guess.

    Example:
        >>> tag("How far is the pallet <mask> from the shelf <mask>?").task
        'distance'
    """
    guess = _judged(folded(question))
    return guess if guess.confidence >= min_confidence else Tag(UNKNOWN, guess.confidence)


@lru_cache(maxsize=1 << 16)  # the half million questions of the public set have some hundred wordings
def _judged(question: str) -> Tag:
    return judged(question)


def judged(question: str, classifier: WordingClassifier | None = None) -> Tag:
    """The best guess, whatever its confidence.

    Args:
        classifier: Another one than the library's.
    """
    chances = (classifier or bundled())(read(question))
    best = max(chances, key=chances.__getitem__)
    return Tag(best, chances[best] if best != UNKNOWN else 1 - chances[best])
