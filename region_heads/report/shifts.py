"""How two sets of questions differ, as tables of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from region_heads.report.chapters import Cells


def feature_table(title: str, features: Sequence[Mapping[str, Any]], *, first: str, second: str) -> Cells:
    """Fields of :class:`region_heads.quality.drift.shift.Shift`, what drifted marked."""
    rows = [
        [
            one["name"], one["first"], one["second"], f"{one['size']:.3f}",
            "drifted" if one["drifted"] else "within the limit", one["measure"],
        ]
        for one in features
    ]  # fmt: skip
    marked = frozenset(number for number, one in enumerate(features) if one["drifted"])
    return Cells(title, ["feature", first, second, "size", "", "measured by"], rows, marked)


def word_table(title: str, words: Sequence[Mapping[str, Any]], *, first: str, second: str) -> Cells:
    """Fields of :class:`region_heads.quality.drift.shift.WordShift`."""
    rows = [[one["task"], one["word"], f"{one['first']:.0%}", f"{one['second']:.0%}"] for one in words]
    return Cells(title, ["questions of", "word", first, second], rows, frozenset(range(len(rows))))
