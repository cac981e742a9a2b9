"""The split's page: what each split holds, and in what the splits differ."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from region_heads.files.output import whole_file
from region_heads.quality.splits.assignment import SPLITS
from region_heads.report.chapters import Bars, Cells, Chapter, page, shares
from region_heads.report.shifts import ABOUT, feature_tables, word_table
from region_heads.tasks import TASKS


def write_page(content: Mapping[str, Any], file: Path) -> None:
    """Writes the page for the report's ``content``."""
    parts = content["splits"]
    counted = ", ".join(f"{parts[name]['questions']:,} in {name}" for name in SPLITS)
    summary = (
        f"{content['questions']:,} questions: {counted}; {parts['held_back']['questions']:,} held back, "
        f"{parts['predict']['questions']:,} without an answer. No picture stands in two splits."
    )
    text = page(
        "How the questions were split", summary=summary, warnings=content["warnings"], chapters=list(_chapters(content))
    )
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")


def _chapters(content: Mapping[str, Any]) -> Iterator[Chapter]:
    parts = content["splits"]
    yield Chapter(
        "What each split holds",
        "Held back are training questions that balancing leaves out; repeated ones stand in the training split more "
        "than once. A new wording is one that training does not hold.",
        tables=[_counts(parts)],
    )
    yield Chapter(
        "What is asked",
        "Shares of each split's questions. Bars of one colour add up to all of that split.",
        bars=[_chart("Task", parts, "tasks"), _chart("Regions of a question", parts, "regions")],
    )
    yield Chapter(
        "What is answered",
        "Distances by range in metres; the other answers as they are.",
        bars=[_answers(task.name, parts) for task in TASKS if any(parts[name]["tasks"][task.name] for name in SPLITS)],
    )
    for pair, drift in content["drift"].items():
        first, second = pair.split("-")
        if drift["features"]:
            words = [word_table("Words that stand out", drift["words"], first=first, second=second)]
            yield Chapter(
                f"{first.capitalize()} against {second}",
                ABOUT + ("" if drift["words"] else " No word stands out in the questions of a task."),
                tables=[
                    *(words if drift["words"] else []),
                    *feature_tables(drift["features"], first=first, second=second),
                ],
            )
    yield _pictures(content["images"])


def _counts(parts: Mapping[str, Any]) -> Cells:
    header = [
        "split",
        "pictures",
        "questions",
        *(task.name for task in TASKS),
        "wordings",
        "questions in a new wording",
    ]
    rows = [
        [
            name, f"{part['images']:,}",
            f"{part['questions']:,}" + (f" and {part['repeated']:,} repeated" if part.get("repeated") else ""),
            *(f"{part['tasks'][task.name]:,}" for task in TASKS),
            f"{part['wordings']:,}", f"{part['novel_wordings']:,}",
        ]
        for name, part in parts.items()
    ]  # fmt: skip
    return Cells("Questions", header, rows)


def _chart(title: str, parts: Mapping[str, Any], key: str) -> Bars:
    return Bars(title, SPLITS, shares({name: parts[name][key] for name in SPLITS}))


def _answers(task: str, parts: Mapping[str, Any]) -> Bars:
    return Bars(task, SPLITS, shares({name: parts[name]["answers"][task] for name in SPLITS}))


def _pictures(images: Mapping[str, Any]) -> Chapter:
    alike = images["near_duplicates"]
    rows = [[*one["images"], " and ".join(split or "none" for split in one["splits"])] for one in alike["examples"]]
    moved = [[one["image"], one["from"], one["to"], one["because_of"]] for one in images["moved"]]
    tables = [
        *([Cells("Pictures that look alike", ["picture", "looks like", "splits"], rows)] if rows else []),
        *([Cells("Moved so that no split misses a task", ["picture", "from", "to", "task"], moved)] if moved else []),
    ]
    about = (
        f"{images['groups']:,} groups of pictures; {alike['pairs']:,} pairs look alike, "
        f"{alike['in_two_splits']:,} of them across splits."
    )
    return Chapter("Pictures", about, tables=tables)
