"""Training curves: the trainer's log as a long table, one row for each value."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
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


def write_curves(history: Sequence[Mapping[str, float]], path: Path, *, kept: int) -> None:
    """Writes the curves as CSV with the columns of :class:`Point`; "eval/kept" is the score of the step that was kept.

    Args:
        kept: The step whose weights the model has.
    """
    shown = [*points(history)]
    shown += [replace(point, name="eval/kept") for point in shown if (point.name, point.step) == ("eval/score", kept)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(field.name for field in fields(Point))
        writer.writerows(astuple(point) for point in shown)
