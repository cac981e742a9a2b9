"""Slices: groups of questions whose accuracy is reported apart, so that a shift cannot hide in a mean.

A slice is ``slice(row) -> label``, or None for a question that it does not cover. General slices are listed
here; a task names its own in ``region_heads.tasks``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from region_heads.rle import check_rle


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


def regions(row: Row) -> str:
    """How many regions the question carries."""
    count = len(row.rle)
    return "1-2" if count <= 2 else "3-4" if count <= 4 else "5-8" if count <= 8 else "9 and more"


def smallest_mask(row: Row) -> str | None:
    """Size of the smallest mask, as a share of the picture."""
    if not row.rle:
        return None
    share = min(check_rle([row.height, row.width], counts) for counts in row.rle) / (row.width * row.height)
    return (
        "below 0.1 %" if share < 0.001 else "0.1-0.5 %" if share < 0.005 else "0.5-2 %" if share < 0.02 else "above 2 %"
    )


_FORMS = {
    "yes or no": r"(is|are|does|do|did|can|could|would|will|was|were|has|have)\b",
    "how": r"how\b",
    "which or what": r"(which|what|where)\b",
}


def question_form(row: Row) -> str:
    """How the question opens; "other" holds orders and questions that start with their place or regions."""
    opening = row.question.lower().lstrip()
    return next((form for form, pattern in _FORMS.items() if re.match(pattern, opening)), "other")


def depth(row: Row) -> str:
    """Whether the picture comes with a depth image."""
    return "with depth" if row.has_depth else "without depth"


GENERAL: Mapping[str, Slice] = {
    "regions": regions,
    "smallest mask": smallest_mask,
    "question form": question_form,
    "depth": depth,
}


def distance_range(row: Row) -> str:
    """The true distance, in metres; exactly 0 apart, since its accepted band is [0, 0]."""
    metres = float(row.truth)
    if metres == 0:
        return "0 (inside)"
    return "below 2 m" if metres < 2 else "2-5 m" if metres < 5 else "5-10 m" if metres < 10 else "10 m and more"


def needs_selection(row: Row) -> str:
    """Two regions are measured as they are; more have to be chosen first ("the leftmost pallet")."""
    return "two regions given" if len(row.rle) <= 2 else "regions to be chosen"


def choice_kind(row: Row) -> str:
    """What a choice is about: the share of transporter questions differs widely between public splits."""
    text = row.question.lower()
    if re.search(r"\b(transporter|forklift|truck|vehicle|carrier)s?\b", text):
        return "for a transporter"
    if re.search(r"left\W?most|right\W?most|farthest (to the )?(left|right)|\b(left|right)\b", text):
        return "leftmost or rightmost"
    return "other"


def true_answer(row: Row) -> str:
    """The true answer itself, where there are only a few."""
    return str(row.truth)
