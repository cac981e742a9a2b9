"""The split's report: what each split holds, how the splits differ, what was moved and held back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.table import Table

from region_heads.console.terminal import plain_console
from region_heads.quality.drift.profile import answer_counts, profile
from region_heads.quality.drift.shift import divergence, shifts, word_shifts
from region_heads.quality.splits.assignment import SPLITS, Assignment
from region_heads.tasks import TASKS

_EXAMPLES = 5
_MUCH_HELD_BACK = 0.5
_LIMIT = 0.1
_WORDS = 12

Tables = Mapping[str, pa.Table]


def report_content(
    tables: Tables,
    assignment: Assignment,
    alike: Sequence[tuple[str, str]],
    repeated: int,
    *,
    group_of: Mapping[str, str],
) -> dict[str, Any]:
    """The report as JSON; the ``questions`` of all tables add up to ``questions``.

    Args:
        tables: Each question once, with the columns of :data:`region_heads.quality.drift.profile.READ`.
        alike: Pairs of pictures that look alike.
        repeated: Rows that balancing adds to the training split.
    """
    parts = {name: _part(table) for name, table in tables.items()}
    known = set(tables["train"]["wording"].unique().to_pylist())
    for name, table in tables.items():
        counts = _counts(table["wording"])
        parts[name]["novel_wordings"] = sum(count for words, count in counts.items() if words not in known)
    parts["train"]["repeated"] = repeated
    parts["predict"]["sources"] = _counts(tables["predict"]["source_split"])
    split_of = {image: name for name in SPLITS for image in tables[name]["image"].unique().to_pylist()}
    across = [pair for pair in alike if len({split_of[image] for image in pair if image in split_of}) > 1]
    profiles = {name: profile(tables[name]) for name in SPLITS}
    content: dict[str, Any] = {
        "questions": sum(table.num_rows for table in tables.values()),
        "splits": parts,
        "drift": {
            f"{a}-{b}": _drift(a, b, profiles, parts) for a, b in (("train", "val"), ("train", "test"), ("val", "test"))
        },
        "images": {
            "groups": len(set(group_of.values())),
            "in_two_splits": _in_two_splits(tables),
            "near_duplicates": {
                "pairs": len(alike),
                "in_two_splits": len(across),
                "examples": [
                    {"images": list(pair), "splits": [split_of.get(image) for image in pair]}
                    for pair in [*across, *alike][:_EXAMPLES]
                ],
            },
            "source_conflicts": {"count": len(assignment.conflicts), "examples": assignment.conflicts[:_EXAMPLES]},
            "carved_from_train": assignment.carved,
            "moved": [
                {"image": image, "from": origin, "to": goal, "because_of": task}
                for image, origin, goal, task in assignment.moved
            ],
        },
    }
    content["warnings"] = _warnings(content, assignment)
    return content


def headline(content: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are worth a line in a table of runs."""
    figures = {f"{name}/questions": float(part["questions"]) for name, part in content["splits"].items()}
    figures |= {f"{name}/images": float(content["splits"][name]["images"]) for name in SPLITS}
    drifts = [drift["tasks"] for name, drift in content["drift"].items() if name.startswith("train-")]
    figures["task_drift"] = max((drift for drift in drifts if drift is not None), default=0.0)
    return figures


def print_report(content: Mapping[str, Any]) -> None:
    """Prints questions by task and split, and the warnings."""
    console = plain_console()
    table = Table("split", "images", "questions", *(task.name for task in TASKS), "new wordings", title="split")
    for name, part in content["splits"].items():
        counts = [f"{part['tasks'][task.name]:,}" for task in TASKS]
        table.add_row(name, f"{part['images']:,}", f"{part['questions']:,}", *counts, f"{part['novel_wordings']:,}")
    console.print(table)
    for warning in content["warnings"]:
        console.print(f"  WARNING: {warning}", style="bold yellow")


def _part(table: pa.Table) -> dict[str, Any]:
    tasks = _counts(table["task"])
    regions = _counts(pc.list_value_length(table["mask_areas"]))
    return {
        "questions": table.num_rows,
        "images": len(table["image"].unique()),
        "tasks": {task.name: tasks.get(task.name, 0) for task in TASKS},
        "answers": {task.name: answer_counts(table[task.target_column]) for task in TASKS},
        "regions": {str(number): count for number, count in sorted(regions.items())},
        "wordings": len(table["wording"].unique()),
    }


def _counts(values: pa.ChunkedArray) -> dict[Any, int]:
    return {one["values"]: one["counts"] for one in pc.value_counts(values).to_pylist()}


def _drift(first: str, second: str, profiles_of: Tables, parts: Mapping[str, Any]) -> dict[str, Any]:
    here, there = parts[first], parts[second]
    profiles = [profiles_of[name] for name in (first, second)]
    filled = all(one.num_rows for one in profiles)
    return {
        "tasks": divergence(here["tasks"], there["tasks"]),
        "answers": {task.name: divergence(here["answers"][task.name], there["answers"][task.name]) for task in TASKS},
        "features": [asdict(shift) for shift in shifts(*profiles, limit=_LIMIT)] if filled else [],
        "words": [asdict(word) | {"sentence": str(word)} for word in word_shifts(*profiles)[:_WORDS]] if filled else [],
    }


def _in_two_splits(tables: Tables) -> int:
    places = Counter(image for name in SPLITS for image in tables[name]["image"].unique().to_pylist())
    return sum(count > 1 for count in places.values())


def _warnings(content: Mapping[str, Any], assignment: Assignment) -> list[str]:
    found = []
    absent = [task.name for task in TASKS if not any(part["tasks"][task.name] for part in content["splits"].values())]
    if absent:
        found.append(f"the data has no questions of {', '.join(absent)}: nothing of it can be learned or judged")
    if assignment.missing:
        gaps = ", ".join(f"{split} has no {task}" for split, task in assignment.missing)
        found.append(f"{gaps}: fewer than three pictures show it")
    if assignment.conflicts:
        count, example = len(assignment.conflicts), assignment.conflicts[0]
        found.append(f"{count} pictures stand in several source splits, e.g. {example}; they went to the strictest")
    kept_back = content["splits"]["predict"]["sources"]
    if kept_back:
        counts = ", ".join(f"{count:,} of {source or 'no split'}" for source, count in sorted(kept_back.items()))
        found.append(f"questions without an answer, which teach nothing and judge nothing: {counts}")
    if assignment.carved:
        found.append(f"the data set brings no answered {' or '.join(assignment.carved)}; taken from training pictures")
    for pair, drift in content["drift"].items():
        if drift["words"]:
            found.append(f"{pair.replace('-', ' and ')} ask differently: {drift['words'][0]['sentence']}")
    alike = content["images"]["near_duplicates"]
    if alike["in_two_splits"]:
        first = " and ".join(alike["examples"][0]["images"])
        found.append(
            f"{alike['in_two_splits']} pairs of pictures that look alike stand in different splits, e.g. {first}; set "
            "split.near_duplicates to together to keep them in one"
        )
    held, kept = content["splits"]["held_back"]["questions"], content["splits"]["train"]["questions"]
    if held > _MUCH_HELD_BACK * (held + kept):
        found.append(
            f"{held} of {held + kept} training questions are held back, since the smallest task has few; "
            "raise split.max_task_ratio, or set split.balance to oversample or none"
        )
    return found
