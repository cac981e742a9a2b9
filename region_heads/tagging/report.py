"""The router's report: where tags come from, how labels and router agree, how many answers are grounded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from region_heads.console.terminal import plain_console
from region_heads.tagging.classifier import UNKNOWN
from region_heads.tagging.router import Tag
from region_heads.tasks import TASKS, Answer, Task
from region_heads.tasks.evenness import Evenness

_EXAMPLES = 10
_BINS = 10
_RANGES = [f"{10 * number}-{10 * number + 10} %" for number in range(_BINS)]


def headline(content: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a report that are worth a line in a table of runs."""
    answers = sum((Counter(found) for name, found in content["grounding"].items() if name != "examples"), Counter())
    figures = {"tagged": float(content["tagged"]), "untagged": float(content["untagged"])}
    if content["agreement"]["share"] is not None:
        figures["agreement"] = content["agreement"]["share"]
    if answers:
        figures["grounded_share"] = answers["grounded"] / answers.total()
    if content["evenness"]:
        figures["uneven_tasks"] = float(len(content["warnings"]))
    return figures


class RouterReport:
    """Counts while the questions go by."""

    def __init__(self) -> None:
        self._tasks: Counter[str] = Counter()
        self._sources: defaultdict[str, Counter[str]] = defaultdict(Counter)  # of each task
        self._confidence: defaultdict[str, Counter[str]] = defaultdict(Counter)  # of what was read, by task and range
        self._doubts: dict[str, dict[str, Any]] = {}  # the least sure readings, each wording once
        self._untagged: Counter[str] = Counter()
        self._untagged_examples: list[str] = []
        self._confusion: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._disagreements: list[dict[str, Any]] = []
        self._calibration = [[0, 0, 0.0] for _ in range(_BINS)]  # labelled questions, right ones, sum of confidence
        self._grounded: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._ungrounded_examples: list[dict[str, str]] = []
        self._evenness: defaultdict[str, Evenness] = defaultdict(Evenness)

    def tagged(self, record: dict[str, Any], task: Task, source: str, confidence: float, read: Tag) -> None:
        """Notes a tagged question, and whether the router reads its label in it."""
        self._tasks[task.name] += 1
        self._sources[task.name][source] += 1
        if source == "model":
            self._confidence[task.name][_RANGES[min(_BINS - 1, int(confidence * _BINS))]] += 1
            self._doubt({record["question"]: {"id": record["id"], "task": task.name, "confidence": confidence}})
        if record["category"] is None:
            return
        task = Task.of(record["category"])
        self._confusion[task.name][read.task] += 1
        place = self._calibration[min(_BINS - 1, int(read.confidence * _BINS))]
        place[0] += 1
        place[1] += read.task == task.name
        place[2] += read.confidence
        if read.task != task.name and len(self._disagreements) < _EXAMPLES:
            self._disagreements.append(
                {
                    "id": record["id"],
                    "question": record["question"],
                    "label": task.name,
                    "read": read.task,
                    "confidence": round(read.confidence, 3),
                }
            )

    def _doubt(self, readings: Mapping[str, dict[str, Any]]) -> None:
        self._doubts = {**readings, **self._doubts}
        if len(self._doubts) > 4 * _EXAMPLES:  # not each time
            self._doubts = self._least_sure()

    def _least_sure(self) -> dict[str, dict[str, Any]]:
        return dict(sorted(self._doubts.items(), key=lambda one: (one[1]["confidence"], one[0]))[:_EXAMPLES])

    def untagged(self, kind: str, message: str) -> None:
        """Notes a question that goes to quarantine."""
        self._untagged[kind] += 1
        if len(self._untagged_examples) < _EXAMPLES:
            self._untagged_examples.append(message)

    def grounding(self, task: Task, record: dict[str, Any], problem: str) -> None:
        """Notes a freeform answer; ``problem`` is empty when its regions were found."""
        self._grounded[task.name]["not grounded" if problem else "grounded"] += 1
        if problem and len(self._ungrounded_examples) < _EXAMPLES:
            self._ungrounded_examples.append(
                {"id": record["id"], "answer": record["freeform_answer"], "reason": problem}
            )

    def answered(self, task: Task, question: str, target: Answer, *, grounded: bool) -> None:
        """Notes an answered question, and whether the regions that it rests on are known, from a text or without."""
        self._evenness[task.name].note(task.grounding_kind(question, target), grounded=grounded)

    def add(self, later: RouterReport) -> None:
        """Adds what was counted in questions that come after these."""
        self._doubt(later._doubts)
        for mine, more in ((self._tasks, later._tasks), (self._untagged, later._untagged)):
            mine.update(more)
        for counts, more_counts in (
            (self._confusion, later._confusion), (self._grounded, later._grounded), (self._sources, later._sources),
            (self._confidence, later._confidence),
        ):  # fmt: skip
            for name, found in more_counts.items():
                counts[name].update(found)
        for name, evenness in later._evenness.items():
            self._evenness[name].add(evenness)
        self._calibration = [
            [mine + more for mine, more in zip(here, there, strict=True)]
            for here, there in zip(self._calibration, later._calibration, strict=True)
        ]
        self._untagged_examples = [*self._untagged_examples, *later._untagged_examples][:_EXAMPLES]
        self._disagreements = [*self._disagreements, *later._disagreements][:_EXAMPLES]
        self._ungrounded_examples = [*self._ungrounded_examples, *later._ungrounded_examples][:_EXAMPLES]

    def content(self) -> dict[str, Any]:
        """The report as JSON; ``questions`` is always ``tagged + untagged``."""
        tagged, untagged = self._tasks.total(), self._untagged.total()
        labelled = sum(found.total() for found in self._confusion.values())
        agreed = sum(found[name] for name, found in self._confusion.items())
        return {
            "questions": tagged + untagged,
            "tagged": tagged,
            "untagged": untagged,
            "untagged_reasons": dict(self._untagged),
            "untagged_examples": self._untagged_examples,
            "tasks": {task.name: self._tasks[task.name] for task in TASKS},
            "sources": dict(sum(self._sources.values(), Counter())),
            "tasks_by_source": {name: dict(found) for name, found in self._sources.items()},
            "confidence": {
                name: {place: found[place] for place in _RANGES if place in found}
                for name, found in self._confidence.items()
            },
            "least_sure": [{"question": question, **one} for question, one in self._least_sure().items()],
            "agreement": {
                "labelled": labelled,
                "agreed": agreed,
                "share": agreed / labelled if labelled else None,
                "not_understood": sum(found[UNKNOWN] for found in self._confusion.values()),
                "label_to_read": {name: dict(found) for name, found in self._confusion.items()},
                "disagreements": self._disagreements,
                "calibration": [
                    {"from": number / _BINS, "questions": n, "mean_confidence": total / n, "accuracy": right / n}
                    for number, (n, right, total) in enumerate(self._calibration)
                    if n
                ],
            },
            "grounding": {
                **{name: dict(found) for name, found in self._grounded.items()},
                "examples": self._ungrounded_examples,
            },
            "evenness": {name: evenness.content() for name, evenness in self._evenness.items()},
            "warnings": self._warnings(),
        }

    def _warnings(self) -> list[str]:
        return [text for name, evenness in self._evenness.items() if (text := evenness.warning(name))]

    def show(self, quarantine: Path, taught_by: dict[str, Any]) -> None:
        """Prints the report for the person watching."""
        console, content = plain_console(), self.content()
        table = Table("task", "questions", "read as labelled", "grounded", title="tag_tasks")
        for name, count in content["tasks"].items():
            labelled, grounded = self._confusion[name], self._grounded[name]
            table.add_row(
                name,
                f"{count:,}",
                f"{labelled[name]:,} of {labelled.total():,}" if labelled.total() else "-",
                f"{grounded['grounded']:,} of {grounded.total():,}" if grounded.total() else "-",
            )
        console.print(table)
        if taught_by["labels"]:
            wordings = ", ".join(f"{task} {count:,}" for task, count in taught_by["labels"]["wordings"].items())
            console.print(f"  questions without a label are read by what the labels taught: wordings of {wordings}")
        for one in self._disagreements[:3]:
            line = f"  label {one['label']}, read as {one['read']} ({one['confidence']}): {one['question']}"
            console.print(line)
        for one in self._ungrounded_examples[:3]:
            console.print(f"  not grounded: {one['reason']}: {one['answer']}")
        for warning in content["warnings"]:
            console.print(f"  warning: {warning}")
        if content["untagged"]:
            line = f"  {content['untagged']} untagged, in {quarantine}; e.g. {self._untagged_examples[0]}"
            console.print(line)
