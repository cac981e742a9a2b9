"""The page on drift: what changed since the champion's training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from region_heads.report.chapters import Bars, Chapter, page
from region_heads.report.shifts import feature_table, word_table

_FIRST, _SECOND = "champion", "new"


def render(content: Mapping[str, Any]) -> str:
    """The page for the report's ``content``."""
    summary = f"{content['questions']:,} training questions, compared {content['compared']}."
    if not content["features"]:
        return page("Has the data changed?", summary=summary, warnings=[], chapters=[])
    drifted = content["drifted"]
    verdict = f"{len(drifted)} of {len(content['features'])} features drifted" if drifted else "No feature drifted"
    sizes = Bars(
        "Size of the difference", ["size"], {one["name"]: [one["size"]] for one in content["features"]}
    )  # fmt: skip
    chapters = [
        Chapter(
            verdict,
            "A size of 0 is the same distribution, 1 nothing in common; what exceeds the limit and is not chance is "
            "marked.",
            bars=[sizes],
            tables=[feature_table("Features", content["features"], first=_FIRST, second=_SECOND)],
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
    warnings = [f"{name} drifted" for name in drifted]
    return page("Has the data changed?", summary=summary, warnings=warnings, chapters=chapters)
