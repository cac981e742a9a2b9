"""Slices: groups of questions whose accuracy is reported apart, so that a shift cannot hide in a mean.

A slice is ``slice(row) -> label``, or None for a question that it does not cover.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """What a slice may look at: one question of the test set with its true answer."""

    image: str
    question: str
    rle: list[str]
    width: int
    height: int
    truth: Any
    has_depth: bool


Slice = Callable[[Row], str | None]


def true_answer(row: Row) -> str:
    """The true answer itself, where there are only a few."""
    return str(row.truth)
