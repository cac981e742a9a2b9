"""Composes the questions of one picture: so many of each category, no two with the same meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from region_heads.warehouse.questions import choice, count, distance, left_right
from region_heads.warehouse.questions.question import Asker, Maker, Question
from region_heads.warehouse.questions.view import View
from region_heads.warehouse.questions.wordings import RESERVED_SHARE

Rng = np.random.Generator

_MAKERS: Mapping[str, Sequence[tuple[float, Maker]]] = {
    "distance": distance.MAKERS,
    "left_right": left_right.MAKERS,
    "mcq": choice.MAKERS,
    "count": count.MAKERS,
}
CATEGORIES: tuple[str, ...] = tuple(_MAKERS)
"""Categories of the public format."""

_TRIES = 40


def compose(view: View, wanted: Mapping[str, int], rng: Rng, *, test: bool) -> list[Question]:
    """Questions about a picture.

    Args:
        view: what is seen in it.
        wanted: number of questions for each category.
        rng: draws them.
        test: whether the picture belongs to the test split, which has wordings of its own.

    Returns:
        At most as many as wanted, fewer where the picture offers no more, in random order.
    """
    asker = Asker(view, rng, lambda: test and bool(rng.random() < RESERVED_SHARE))
    found: list[Question] = []
    for category, number in wanted.items():
        found += _of_category(asker, _MAKERS[category], number)
    return [found[int(index)] for index in rng.permutation(len(found))]


def _of_category(asker: Asker, makers: Sequence[tuple[float, Maker]], number: int) -> list[Question]:
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


def _new_question(asker: Asker, maker: Maker, asked: set[object]) -> Question | None:
    for _ in range(_TRIES // 4):
        question = maker(asker)
        if question is None:
            continue
        # The same masks with the same answer would ask the same again in other words.
        key = (question.meaning, frozenset(question.regions), question.answer)
        if key not in asked:
            asked.add(key)
            return question
    return None
