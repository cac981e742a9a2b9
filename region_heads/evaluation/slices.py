"""The slices that questions of every task have; a task names its own."""

import re
from collections.abc import Mapping

from region_heads.rle import check_rle
from region_heads.tasks.slices import Row, Slice


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
