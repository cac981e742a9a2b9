"""The page on drift: what changed since the champion's training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from region_heads.report.chapters import Bars, Cells, Chapter, page
from region_heads.report.shifts import ABOUT, advice, feature_tables, word_table

_FIRST, _SECOND = "champion", "new"


def render(content: Mapping[str, Any]) -> str:
    """The page for the report's ``content``."""
    summary = f"{content['questions']:,} training questions, compared {content['compared']}."
    if not content["features"]:
        return page("Has the data changed?", summary=summary, warnings=[], chapters=[_first(content["training"])])
    drifted = content["drifted"]
    verdict = f"{len(drifted)} of {len(content['features'])} features drifted" if drifted else "No feature drifted"
    sizes = Bars(
        "Size of the difference", ["size"], {one["name"]: [one["size"]] for one in content["features"]}
    )  # fmt: skip
    chapters = [
        Chapter(
            verdict,
            ABOUT,
            bars=[sizes],
            tables=feature_tables(content["features"], first=_FIRST, second=_SECOND),
        ),
    ]
    if content["words"]:
        chapters.append(
            Chapter(
                "Questions that ask about other things",
                "Words whose share of a task's questions has changed, the largest change first.",
                tables=[word_table("Words", content["words"], first=_FIRST, second=_SECOND)],
            )
        )
    warnings = [f"{name} drifted. {advice(name)}" for name in drifted]
    return page("Has the data changed?", summary=summary, warnings=warnings, chapters=chapters)


def _first(training: Sequence[Mapping[str, str]]) -> Chapter:
    """What there is to see before there is a champion."""
    return Chapter(
        "What the next data will be compared with",
        "This training data as it is. It is kept with the model that is registered; once that is champion, later data "
        "is compared with it, and this page says what has changed and what to do about it.",
        tables=[Cells("Features", ["feature", "training data"], [[one["name"], one["value"]] for one in training])],
    )
