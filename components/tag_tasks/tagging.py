"""One record to one tagged row: the task, the typed target, the grounding."""

from __future__ import annotations

import json
from typing import Any, Literal

from components.tag_tasks.report import RouterReport
from region_heads.tagging.grammar import UNKNOWN, Tag, tag
from region_heads.tagging.grounding import Grounded, ground
from region_heads.tasks import TASKS, Answer, Task


class UntaggedError(Exception):
    """A question that cannot be tagged: what was expected and found.

    Attributes:
        kind: "unknown_task", "unknown_category" or "target".
    """

    def __init__(self, kind: Literal["unknown_task", "unknown_category", "target"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


def tagged_row(record: dict[str, Any], report: RouterReport, *, min_confidence: float) -> dict[str, Any]:
    """The record with its task, target and grounding; what was found goes to ``report``.

    Raises:
        UntaggedError: The question has no label and the grammar is not sure, or the answer does not fit the task.
    """
    read = tag(record["question"], min_confidence=min_confidence)
    task, source, confidence = _task(record, read)
    target = _target(record, task)
    grounded = _grounding(record, task, target, report)
    report.tagged(record, task, source, read)
    return {
        **record,
        "task": task.name,
        "task_source": source,
        "task_confidence": confidence,
        **{other.target_column: target if other is task else None for other in TASKS},
        "grounding": None if grounded is None else [one.region for one in grounded],
        "grounding_roles": None if grounded is None else [one.role for one in grounded],
    }


def _task(record: dict[str, Any], read: Tag) -> tuple[Task, str, float]:
    where = f"{record['source']} ({record['id']})"
    if record["category"] is not None:
        try:
            return Task.of(record["category"]), "label", 1.0
        except KeyError as error:
            raise UntaggedError("unknown_category", f"{where}: category: {error.args[0]}") from None
    if read.task == UNKNOWN:
        raise UntaggedError(
            "unknown_task",
            f"{where}: question: expected words of one of the tasks {', '.join(task.name for task in TASKS)}, found "
            f"none that is sure (best guess {read.confidence:.2f}); give the record a category, "
            "or add a rule to region_heads/tagging/rules.py",
        )
    return Task.of(read.task), "rules", read.confidence


def _target(record: dict[str, Any], task: Task) -> Answer | None:
    if record["answer"] is None:
        return None
    try:
        target = task.parse(json.loads(record["answer"]))
        task.check(target, regions=len(record["rle"]))
    except ValueError as error:
        raise UntaggedError(
            "target",
            f"{record['source']} ({record['id']}): answer of a {task.name} question: {error}; "
            "correct the answer or give the record the category that it belongs to",
        ) from None
    return target


def _grounding(
    record: dict[str, Any], task: Task, target: Answer | None, report: RouterReport
) -> list[Grounded] | None:
    text, regions = record["freeform_answer"], len(record["rle"])
    evident = task.self_evident(regions)
    if not text:
        return evident
    try:
        grounded = ground(task.grounding, text, target, regions=regions)
    except ValueError as error:
        report.grounding(task, record, str(error))
        return evident
    report.grounding(task, record, "" if grounded else "no regions named in a way that is understood")
    return grounded or evident
