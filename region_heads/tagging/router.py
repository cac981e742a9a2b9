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

    def believed(self, min_confidence: float) -> Tag:
        """This tag, or :data:`UNKNOWN` where it is less sure; the confidence stays that of the best guess."""
        return self if self.confidence >= min_confidence else Tag(UNKNOWN, self.confidence)


def tag(question: str, *, min_confidence: float = 0.5, classifier: WordingClassifier | None = None) -> Tag:
    """The task of ``question`` from its words alone.

    Args:
        min_confidence: Below it the task is :data:`UNKNOWN`; the confidence is that of the best guess.
        classifier: Another one than the library's, such as one that has learned from examples at hand.

    Example:
        >>> tag("How far is the pallet <mask> from the shelf <mask>?").task
        'distance'
    """
    return judged(question, classifier).believed(min_confidence)


def judged(question: str, classifier: WordingClassifier | None = None) -> Tag:
    """The best guess, whatever its confidence."""
    return _judged(folded(question), classifier or bundled())


@lru_cache(maxsize=1 << 16)  # the half million questions of the public set have some hundred wordings
def _judged(question: str, classifier: WordingClassifier) -> Tag:
    chances = classifier(read(question))
    best = max(chances, key=chances.__getitem__)
    return Tag(best, chances[best] if best != UNKNOWN else 1 - chances[best])
