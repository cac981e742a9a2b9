"""The page on tags: how each question got its task, how sure the readings are, and what has none."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from region_heads.files.output import whole_file
from region_heads.report import words
from region_heads.report.chapters import Bars, Cells, Chapter, page, shares
from region_heads.report.router import routing
from region_heads.tasks import TASKS

_SIGNIFICANT = 0.05
_TODO = {
    "unknown_task": "Give the record a category, or put its wording into the file that tag_tasks.examples names. "
    "tag_tasks.unknown: guess takes the router's best guess.",
    "unknown_category": "Correct the category; its name is none of a task.",
    "target": "Correct the answer, or the category: they do not belong together.",
}
"""What to do, by the kind of reason for which a question has no task."""


def write_page(content: Mapping[str, Any], file: Path) -> None:
    """Writes the page for the report of the step ``tag_tasks``."""
    read = content["sources"].get("model", 0)
    summary = (
        f"{content['questions']:,} questions, {content['tagged']:,} with a task: {content['tagged'] - read:,} by their "
        f"label, {read:,} read in their words; {content['untagged']:,} without a task."
    )
    warnings = [*content["warnings"]]
    if content["untagged"]:
        warnings.insert(
            0, f"Left out, without a task: {content['untagged']:,} of {content['questions']:,} questions; see below."
        )
    text = page(
        "How the questions were tagged", summary=summary, warnings=warnings, chapters=list(_chapters(content, read))
    )
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")


def _chapters(content: Mapping[str, Any], read: int) -> Iterator[Chapter]:
    by_task, found = content["tasks_by_source"], content["confidence"]
    rows = [
        [
            task.name, f"{content['tasks'][task.name]:,}",
            *(f"{by_task.get(task.name, {}).get(source, 0):,}" for source in ("label", "model")),
        ]
        for task in TASKS
    ]  # fmt: skip
    yield Chapter(
        "Tasks",
        _taught(content["taught_by"]),
        bars=[Bars("Share of the questions", ["tagged"], shares({"tagged": content["tasks"]}))],
        tables=[Cells("Questions", ["task", "questions", "by their label", "read in their words"], rows)],
    )
    if read:
        named = [task.name for task in TASKS if task.name in found]
        yield Chapter(
            "How sure the readings are",
            "Of questions whose task was read in their words: how likely the router holds it that the task is right. "
            "Label some of the least sure ones, or put their wordings into the file that tag_tasks.examples names.",
            bars=[Bars("Confidence", named, shares({name: found[name] for name in named}))],
            tables=[_doubts(content["least_sure"])],
        )
    yield from _agreement(content)
    reasons = [[kind, f"{count:,}", _TODO[kind]] for kind, count in content["untagged_reasons"].items()]
    examples = [[message] for message in content["untagged_examples"]]
    yield Chapter(
        "Without a task",
        "They stand whole, with the reason, in the step's quarantine." if reasons else "Every question has a task.",
        tables=[Cells("Reasons", ["reason", "questions", "what to do"], reasons), Cells("Examples", ["what was found"],
                examples)] if reasons else [],
    )  # fmt: skip
    yield _grounding(content["grounding"])


def _taught(taught: Mapping[str, Any]) -> str:
    labels, texts = taught["labels"], ["A label decides before the words do, unless tag_tasks.first is words."]
    if taught["examples"]:
        texts.append(f"The router has learned from {taught['examples']:,} examples of your file.")
    if labels:
        texts.append(f"Questions without a label are read by what {sum(labels['wordings'].values()):,} wordings of "
                     "labelled ones taught.")  # fmt: skip
    if held := (labels or {}).get("held_out"):
        with_labels, without = (held[kind]["accuracy"] for kind in ("taught", "untaught"))
        texts.append(f"Of {held['wordings']:,} wordings that were held out, it reads {100 * with_labels:.0f} % right, "
                     f"and {100 * without:.0f} % without these labels.")  # fmt: skip
    return " ".join(texts)


def _doubts(least_sure: Sequence[Mapping[str, Any]]) -> Cells:
    rows = [[f"{100 * one['confidence']:.1f} %", one["task"], one["question"], one["id"]] for one in least_sure]
    return Cells("The least sure, each wording once", ["confidence", "read as", "question", "id"], rows)


def _agreement(content: Mapping[str, Any]) -> Iterator[Chapter]:
    about = routing(content)
    if about["table"] is None:
        return
    rows = [[label, *(f"{count:,}" for count, _, _ in cells)] for label, cells in about["table"].rows]
    tables = [Cells("Questions with a label", ["label", *(f"read as {name}" for name in about["table"].answers)], rows)]
    if about["examples"]:
        keys = ("label", "read", "confidence", "question")
        header = ["label", "read as", "confidence", "question"]
        examples = [[one[key] for key in keys] for one in about["examples"]]
        tables.append(Cells("Where they differ", header, examples))
    bins = content["agreement"]["calibration"]
    verdicts = [_calibrated(one) for one in bins]
    calibration = [
        [
            f"{100 * one['from']:.0f}-{100 * one['from'] + 10:.0f} %", f"{one['questions']:,}",
            f"{100 * one['mean_confidence']:.1f} %", f"{100 * one['accuracy']:.1f} %", verdict,
        ]
        for one, verdict in zip(bins, verdicts, strict=True)
    ]  # fmt: skip
    marked = frozenset(number for number, verdict in enumerate(verdicts) if verdict == "too sure")
    header = ["confidence", "questions", "mean confidence", "read as labelled", "verdict"]
    tables.append(Cells("Is its confidence right?", header, calibration, marked))
    yield Chapter(
        "Labels and readings",
        f"{words.agreement(content)} Where they differ, either the label is wrong, or the router lacks the wording.",
        tables=tables,
    )


def _calibrated(one: Mapping[str, Any]) -> str:
    from scipy.stats import binomtest

    right = round(one["accuracy"] * one["questions"])
    if binomtest(right, one["questions"], min(1.0, one["mean_confidence"])).pvalue >= _SIGNIFICANT:
        return "as it says, or may be chance"
    return "too sure" if one["accuracy"] < one["mean_confidence"] else "too modest"


def _grounding(grounding: Mapping[str, Any]) -> Chapter:
    counted = {task.name: grounding[task.name] for task in TASKS if task.name in grounding}
    rows = [
        [name, f"{sum(found.values()):,}", f"{found.get('grounded', 0):,}", f"{found.get('not grounded', 0):,}"]
        for name, found in counted.items()
    ]
    examples = [[one["id"], one["reason"], one["answer"]] for one in grounding["examples"]]
    tables = (
        [Cells("Answers as sentences", ["task", "sentences", "understood", "not understood"], rows)] if rows else []
    )
    tables += [Cells("Not understood", ["id", "reason", "sentence"], examples)] if examples else []
    return Chapter(
        "What answers rest on",
        "Regions that a freeform answer names teach what the answer rests on. Name them as [Region 0]."
        if rows
        else "No question has a freeform answer. One that names regions, as [Region 0], teaches what it rests on.",
        tables=tables,
    )
