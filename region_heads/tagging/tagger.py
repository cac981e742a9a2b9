"""Questions to tags: the task, the typed target, the grounding; a row group at a time, in any process."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from region_heads.records import RECORD_SCHEMA, TAGGED_SCHEMA
from region_heads.tagging.classifier import UNKNOWN, WordingClassifier
from region_heads.tagging.report import RouterReport
from region_heads.tagging.router import Tag, judged
from region_heads.tagging.settings import Params
from region_heads.tasks import TASKS, Answer, Task
from region_heads.tasks.grounding import Grounded, ground

NEW_COLUMNS = pa.schema([field for field in TAGGED_SCHEMA if field.name not in RECORD_SCHEMA.names])
READ = ["id", "source", "question", "mask_areas", "category", "answer", "freeform_answer"]
"""Columns of the record table by which a question is tagged."""


class UntaggedError(Exception):
    """A question that cannot be tagged: what was expected and found.

    Attributes:
        kind: "unknown_task", "unknown_category" or "target".
    """

    def __init__(self, kind: Literal["unknown_task", "unknown_category", "target"], message: str) -> None:
        super().__init__(kind, message)  # both, so that it can come from another process
        self.kind = kind
        self.message = message

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Tagged:
    """What became of a row group's questions.

    Attributes:
        columns: ``NEW_COLUMNS`` of the tagged ones.
        rows: Their places in the group.
        untagged: The others by place.
        report: What was seen.
    """

    columns: pa.RecordBatch
    rows: list[int]
    untagged: dict[int, UntaggedError]
    report: RouterReport


@dataclass(frozen=True)
class Tagger:
    """Tags rows of the record table.

    Args:
        classifier: Reads labelled questions; None takes the library's.
        taught: Reads questions without a label; None takes ``classifier``.
    """

    settings: Params
    classifier: WordingClassifier | None = None
    taught: WordingClassifier | None = None

    def __call__(self, questions: pa.Table) -> Tagged:
        """The tags of ``questions``, which hold the columns ``READ``."""
        report = RouterReport()
        tags, rows, untagged = [], [], {}
        for row, record in enumerate(questions.to_pylist()):
            try:
                tags.append(self.tag(record, report))
                rows.append(row)
            except UntaggedError as error:
                report.untagged(error.kind, str(error))
                untagged[row] = error
        return Tagged(pa.RecordBatch.from_pylist(tags, schema=NEW_COLUMNS), rows, untagged, report)

    def tag(self, record: dict[str, Any], report: RouterReport) -> dict[str, Any]:
        """``NEW_COLUMNS`` of one row of the record table.

        Raises:
            UntaggedError: Its task is not known, or its answer is none of the task.
        """
        unlabelled = record["category"] is None
        guess = judged(record["question"], (self.taught if unlabelled else None) or self.classifier)
        read = guess.believed(self.settings.min_confidence)
        task, source, confidence = self._task(record, read, guess)
        target = _target(record, task)
        grounded = _grounding(record, task, target, report)
        if target is not None:
            report.answered(task, record["question"], target, grounded=grounded is not None)
        report.tagged(record, task, source, confidence, read)
        return {
            "task": task.name,
            "task_source": source,
            "task_confidence": confidence,
            **{other.target_column: target if other is task else None for other in TASKS},
            "grounding": None if grounded is None else [one.region for one in grounded],
            "grounding_roles": None if grounded is None else [one.role for one in grounded],
        }

    def _task(self, record: dict[str, Any], read: Tag, guess: Tag) -> tuple[Task, str, float]:
        known = read.task != UNKNOWN
        label = _label(record)
        if label is not None and (self.settings.first == "label" or (not known and self.settings.unknown == "label")):
            return label, "label", 1.0
        if known or (self.settings.unknown == "guess" and guess.task != UNKNOWN):
            return Task.of(guess.task), "model", guess.confidence
        raise UntaggedError(
            "unknown_task",
            f"{_where(record)}: question: expected words of one of the tasks "
            f"{', '.join(task.name for task in TASKS)}, found none that is sure (best guess {guess.confidence:.2f}); "
            "give the record a category, or add its wording to the file in tag_tasks.examples",
        )


def _where(record: dict[str, Any]) -> str:
    return f"{record['source']} ({record['id']})"


def _label(record: dict[str, Any]) -> Task | None:
    if record["category"] is None:
        return None
    try:
        return Task.of(record["category"])
    except KeyError as error:
        raise UntaggedError("unknown_category", f"{_where(record)}: category: {error.args[0]}") from None


def _target(record: dict[str, Any], task: Task) -> Answer | None:
    if record["answer"] is None:
        return None
    try:
        return task.read(json.loads(record["answer"]), regions=len(record["mask_areas"]))
    except ValueError as error:
        raise UntaggedError(
            "target",
            f"{_where(record)}: answer of a {task.name} question: {error}; "
            "correct the answer or give the record the category that it belongs to",
        ) from None


def _grounding(
    record: dict[str, Any], task: Task, target: Answer | None, report: RouterReport
) -> list[Grounded] | None:
    question, text = record["question"], record["freeform_answer"]
    evident = task.self_evident(question, target)
    if not text:
        return evident
    try:
        grounded = ground(task.grounding, question, text, target)
    except ValueError as error:
        report.grounding(task, record, str(error))
        return evident
    report.grounding(task, record, "" if grounded is not None else "no regions named in a way that is understood")
    return evident if grounded is None else grounded
