"""Training curves: the trainer's log as a long table, one row for each value."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Point:
    """One value of one curve."""

    step: int
    epoch: float
    name: str  # "loss", "loss/distance", "eval/score", "eval/accuracy/counting", "learning_rate", …
    value: float


def points(history: Iterable[Mapping[str, float]]) -> Iterator[Point]:
    """The values in the Trainer's ``log_history`` (without the summary at its end), in order."""
    for entry in history:
        if "train_runtime" in entry:
            continue
        for name, value in entry.items():
            if name not in ("step", "epoch"):
                readable = f"eval/{name[5:]}" if name.startswith("eval_") else name
                yield Point(int(entry["step"]), float(entry["epoch"]), readable, float(value))


def write_curves(history: Iterable[Mapping[str, float]], path: Path) -> None:
    """Writes the curves as CSV with the columns of :class:`Point`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Point))
        writer.writerows(astuple(point) for point in points(history))
