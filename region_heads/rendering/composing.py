"""Composes the questions of one picture: so many of each category, no two with the same meaning."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Question:
    """A question about regions of a scene, with its answer."""

    category: str
    meaning: str
    text: str
    regions: tuple[int, ...]  # in the order of the <mask> placeholders
    answer: float | int | str
    freeform: str
    selects: tuple[tuple[str, str], ...] = ()  # what its words select by, for who checks the answer


class Drawing(Protocol):
    """What a domain's questions are drawn from; its makers know more of it than its generator."""

    @property
    def rng(self) -> Rng:
        """Draws the questions."""


A = TypeVar("A", bound=Drawing)
Makers = Sequence[tuple[float, Callable[[A], Question | None]]]
"""Kinds of questions with their shares; each draws one question, or None when the scene (or this try) offers none."""

_TRIES = 10


def compose(asker: A, makers: Mapping[str, Makers[A]], wanted: Mapping[str, int]) -> list[Question]:
    """Questions about a picture.

    Args:
        asker: what they are drawn from.
        makers: kinds of questions by category.
        wanted: number of questions for each category.

    Returns:
        At most as many as wanted, fewer where the picture offers no more, in random order.
    """
    found: list[Question] = []
    for category, number in wanted.items():
        found += _of_category(asker, makers[category], number)
    return [found[int(index)] for index in asker.rng.permutation(len(found))]


def _of_category(asker: A, makers: Makers[A], number: int) -> list[Question]:
    shares = np.array([share for share, _ in makers])
    found: list[Question] = []
    asked: set[object] = set()
    for _ in range(number):
        # The kind is drawn once and kept for some tries, so that rare kinds keep their share.
        ranked = asker.rng.permutation(len(makers)) if len(makers) == 1 else _drawn_order(asker.rng, shares)
        for kind in ranked:
            question = _new_question(asker, makers[int(kind)][1], asked)
            if question is not None:
                found.append(question)
                break
    return found


def _drawn_order(rng: Rng, shares: np.ndarray) -> np.ndarray:
    order: np.ndarray = rng.choice(len(shares), size=len(shares), replace=False, p=shares / shares.sum())
    return order


def _new_question(asker: A, maker: Callable[[A], Question | None], asked: set[object]) -> Question | None:
    for _ in range(_TRIES):
        question = maker(asker)
        if question is None:
            continue
        # The same masks with the same answer would ask the same again in other words.
        key = (question.meaning, frozenset(question.regions), question.answer, question.selects)
        if key not in asked:
            asked.add(key)
            return question
    return None
