"""The split's report: what each split holds, how the splits differ, what was moved and held back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from components.split.assignment import SPLITS, Assignment
from components.split.drift import divergence
from region_heads.tasks import TASKS, Task

_EXAMPLES = 5
_DISTANCE_BORDERS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0)
_MUCH_HELD_BACK = 0.5


def report_content(
    tables: Mapping[str, pa.Table], assignment: Assignment, *, max_task_ratio: float | None
) -> dict[str, Any]:
    """The report as JSON; the ``questions`` of all tables add up to ``questions``."""
    tasks = {name: _task_counts(table) for name, table in tables.items()}
    answers = {name: {task.name: _answers(table, task) for task in TASKS} for name, table in tables.items()}
    content: dict[str, Any] = {
        "questions": sum(table.num_rows for table in tables.values()),
        "splits": {
            name: {
                "questions": table.num_rows,
                "images": len(set(table["image"].to_pylist())),
                "tasks": tasks[name],
                "answers": answers[name],
                "regions": _regions(table),
                "wordings": len(set(table["wording"].to_pylist())),
                "novel_wordings": sum(table["novel_wording"].to_pylist()),
            }
            for name, table in tables.items()
        },
        "drift": {
            f"train-{name}": {
                "tasks": divergence(tasks["train"], tasks[name]),
                "answers": {
                    task.name: divergence(answers["train"][task.name], answers[name][task.name]) for task in TASKS
                },
            }
            for name in SPLITS
            if name != "train"
        },
        "images": {
            "in_two_splits": _in_two_splits(tables),
            "source_conflicts": {"count": len(assignment.conflicts), "examples": assignment.conflicts[:_EXAMPLES]},
            "carved_from_train": assignment.carved,
            "moved": [
                {"image": image, "from": origin, "to": goal, "because_of": task}
                for image, origin, goal, task in assignment.moved
            ],
        },
        "max_task_ratio": max_task_ratio,
    }
    content["warnings"] = _warnings(content, assignment)
    return content


def headline(content: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are worth a line in a table of runs."""
    figures = {f"{name}/questions": float(part["questions"]) for name, part in content["splits"].items()}
    figures |= {f"{name}/images": float(content["splits"][name]["images"]) for name in SPLITS}
    drifts = [drift["tasks"] for drift in content["drift"].values()]
    figures["task_drift"] = max((drift for drift in drifts if drift is not None), default=0.0)
    return figures


def print_report(content: Mapping[str, Any]) -> None:
    """Prints questions by task and split, and the warnings."""
    console = Console()
    table = Table("split", "images", "questions", *(task.name for task in TASKS), "new wordings", title="split")
    for name, part in content["splits"].items():
        counts = [f"{part['tasks'][task.name]:,}" for task in TASKS]
        table.add_row(name, f"{part['images']:,}", f"{part['questions']:,}", *counts, f"{part['novel_wordings']:,}")
    console.print(table)
    for warning in content["warnings"]:
        console.print(f"  WARNING: {warning}", markup=False, highlight=False, style="bold yellow")


def _task_counts(table: pa.Table) -> dict[str, int]:
    found = Counter(table["task"].to_pylist())
    return {task.name: found[task.name] for task in TASKS}


def _answers(table: pa.Table, task: Task) -> dict[str, int]:
    """Histogram of a task's typed targets; decimal ones by range."""
    values = table[task.target_column].drop_null().to_pylist()
    if task.target_dtype.startswith("float"):
        return dict(Counter(_range(value) for value in sorted(values)))
    return {str(value): count for value, count in sorted(Counter(values).items())}


def _range(value: float) -> str:
    below = [border for border in _DISTANCE_BORDERS if border < value]
    if not below:
        return "0"
    above = [border for border in _DISTANCE_BORDERS if border >= value]
    return f"{below[-1]:g}-{above[0]:g}" if above else f"above {below[-1]:g}"


def _regions(table: pa.Table) -> dict[str, int]:
    counts = Counter(len(masks) for masks in table["rle"].to_pylist())
    return {str(number): count for number, count in sorted(counts.items())}


def _in_two_splits(tables: Mapping[str, pa.Table]) -> int:
    places = Counter(image for name in SPLITS for image in set(tables[name]["image"].to_pylist()))
    return sum(count > 1 for count in places.values())


def _warnings(content: Mapping[str, Any], assignment: Assignment) -> list[str]:
    found = []
    absent = [task.name for task in TASKS if not any(part["tasks"][task.name] for part in content["splits"].values())]
    if absent:
        found.append(f"the data has no questions of {', '.join(absent)}: nothing of it can be learned or judged")
    if assignment.missing:
        told = ", ".join(f"{split} has no {task}" for split, task in assignment.missing)
        found.append(f"{told}: fewer than three pictures show it")
    if assignment.conflicts:
        count, example = len(assignment.conflicts), assignment.conflicts[0]
        found.append(f"{count} pictures stand in several source splits, e.g. {example}; they went to the strictest")
    if assignment.carved:
        found.append(f"the data set brings no answered {' or '.join(assignment.carved)}; taken from training pictures")
    held, kept = content["splits"]["held_back"]["questions"], content["splits"]["train"]["questions"]
    if held > _MUCH_HELD_BACK * (held + kept):
        found.append(
            f"{held} of {held + kept} training questions are held back, since the smallest task has few; "
            "raise split.max_task_ratio, or set it to null"
        )
    return found
