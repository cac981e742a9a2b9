"""The step split on a table of questions, at two sizes: time, memory, and how both grow.

    python -m benchmarks.split_size [--questions 5000000] [--folder FOLDER]

Writes tagged tables of a tenth and of the whole size (ten questions a picture, some five regions a question, 4,000
wordings, one picture in a thousand twice; masks of a few bytes, as they are only passed through, a row group at a
time), and runs the step on each as ``make run`` does. Memory is the largest sum over its processes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.full_size import Cost, run_step
from region_heads.files.tables import TableWriter
from region_heads.records import TAGGED_SCHEMA
from region_heads.tasks import TASKS

PER_PICTURE = 10
_PICTURES = 2000  # of a batch


def write(path: Path, *, questions: int) -> None:
    """A tagged table of ``questions`` (a multiple of ten), drawn from one seed."""
    random = np.random.default_rng(0)
    with TableWriter(path, TAGGED_SCHEMA) as writer:
        for first in range(0, questions // PER_PICTURE, _PICTURES):
            writer.add(_batch(random, range(first, min(first + _PICTURES, questions // PER_PICTURE))))


def _batch(random: np.random.Generator, pictures: range) -> pa.RecordBatch:
    rows = len(pictures) * PER_PICTURE
    shown = np.repeat(np.array([f"images/camera{one % 40}/{one:08d}.png" for one in pictures]), PER_PICTURE)
    looks = [random.bytes(32).hex() for _ in pictures]
    looks[1::1000] = looks[0::1000][: len(looks[1::1000])]
    light = random.random((2, len(pictures))).astype(np.float32).repeat(PER_PICTURE, axis=1)
    regions = random.integers(1, 10, rows)
    ends = pa.array(np.concatenate([[0], np.cumsum(regions)]), pa.int32())
    task = random.integers(0, len(TASKS), rows)
    targets = {
        "distance": np.round(random.gamma(3, 2, rows), 2), "left_right": random.choice(["left", "right"], rows),
        "multiple_choice": random.integers(0, regions), "counting": random.integers(0, regions + 1),
    }  # fmt: skip
    names = np.array([one.name for one in TASKS])
    columns = {
        "id": [f"{pictures[0] * PER_PICTURE + row:012x}" for row in range(rows)],
        "source": [f"train.json#{pictures[0] * PER_PICTURE + row}" for row in range(rows)],
        "source_split": np.where(np.arange(rows) // PER_PICTURE % 20, "train", "val"),
        "image": shown, "width": np.full(rows, 1920), "height": np.full(rows, 1080),
        "image_hash": np.repeat(looks, PER_PICTURE), "brightness": light[0], "contrast": light[1],
        "question": [
            f"Of the {noun} things near the shelf {place}, which one does the {name} of {'<mask> ' * count}ask for?"
            for noun, place, name, count in zip(
                random.integers(0, 50, rows), random.integers(0, 20, rows), names[task], regions, strict=True
            )
        ],
        "rle": pa.ListArray.from_arrays(ends, pa.array(np.full(int(regions.sum()), "PZc2f0lh0"))),
        "mask_areas": pa.ListArray.from_arrays(ends, pa.array(random.integers(100, 90_000, int(regions.sum())))),
        "task": names[task], "task_source": np.full(rows, "label"), "task_confidence": np.ones(rows),
    }  # fmt: skip
    columns |= {one.target_column: pa.array(targets[one.name], mask=task != number) for number, one in enumerate(TASKS)}
    return pa.table(
        [
            pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(rows, field.type)
            for field in TAGGED_SCHEMA
        ],
        schema=TAGGED_SCHEMA,
    ).to_batches()[0]


def main() -> None:
    """Prints a row for each size, and the ratio of their times."""
    parser = argparse.ArgumentParser(description="The step split at two sizes.")
    parser.add_argument("--questions", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="where the tables are written; a temporary folder by default")
    arguments = parser.parse_args()
    table = Table("questions", "time", "most memory", box=None, pad_edge=False)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        for size in (arguments.questions // 10, arguments.questions):
            write(folder / "tagged.parquet", questions=size)
            costs.append(run_step("split", folder))
            table.add_row(f"{size:,}", f"{costs[-1].seconds:.0f} s", f"{costs[-1].gigabytes:.2f} GB")
    console = Console()
    console.print(table)
    console.print(f"ten times the questions take {costs[1].seconds / costs[0].seconds:.1f} times the time")


if __name__ == "__main__":
    main()
