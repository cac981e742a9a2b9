"""How two sets of questions differ, as tables of a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from region_heads.report.chapters import Cells

ABOUT = (
    "A size of 0 is the same distribution, 1 nothing in common. What exceeds the limit drifted, unless so few could "
    "differ as much by chance: then the verdict is “may be chance”."
)

_LIGHT = "Another camera, exposure or light. Look at some pictures of each, and train on both."
_ADVICE = {
    "task": "The tasks are mixed otherwise. Scores are by task and stay comparable; split.balance evens training out.",
    "regions": "Questions name more or fewer regions. Look at the report's accuracy by number of regions, and add "
    "questions of the rarer kind.",
    "mask": "Regions are larger or smaller: other things, another distance, or pictures that were scaled or cropped. "
    "Look at some of each, and train on both.",
    "answer": "Other answers are right. See whether the labels are; if so, trivial baselines have changed, too.",
    "brightness": _LIGHT,
    "contrast": _LIGHT,
    "wording": "Many questions are worded as none before. Put some of them, with answers, into training.",
}
"""What to do, by the first word of a feature's name."""


def advice(name: str) -> str:
    """What to do about the drift of a feature."""
    return _ADVICE[name.split(maxsplit=1)[0]]


def feature_tables(features: Sequence[Mapping[str, Any]], *, first: str, second: str) -> list[Cells]:
    """Fields of :class:`region_heads.quality.drift.shift.Shift`, what drifted marked, and what to do about it."""
    rows = [
        [
            one["name"], "drifted" if one["drifted"] else "may be chance" if one["chance"] else "within the limit",
            one["first"], one["second"], f"{one['size']:.3f}", one["measure"],
        ]
        for one in features
    ]  # fmt: skip
    marked = frozenset(number for number, one in enumerate(features) if one["drifted"])
    todo = [[features[number]["name"], advice(features[number]["name"])] for number in sorted(marked)]
    table = Cells("Features", ["feature", "verdict", first, second, "size", "size measured by"], rows, marked)
    return [table, *([Cells("What to do", ["drifted", "advice"], todo)] if todo else [])]


def word_table(title: str, words: Sequence[Mapping[str, Any]], *, first: str, second: str) -> Cells:
    """Fields of :class:`region_heads.quality.drift.shift.WordShift`."""
    rows = [[one["task"], one["word"], f"{one['first']:.0%}", f"{one['second']:.0%}"] for one in words]
    return Cells(title, ["questions of", "word", first, second], rows, frozenset(range(len(rows))))
