"""A tagged table in, split tables out: train, validation and test, with no picture in two of them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from region_heads.console.progress import progress_bar
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import open_table
from region_heads.files.output import whole_folder, write_json
from region_heads.files.tables import ROW_GROUP, TableWriter, records_digest
from region_heads.quality.splits.assignment import SPLITS, Assignment, assign
from region_heads.quality.splits.balance import copies
from region_heads.quality.splits.duplicates import near_duplicates
from region_heads.quality.splits.groups import SplitQuestion, group_of, groups
from region_heads.quality.splits.report import print_report, report_content
from region_heads.quality.splits.settings import Params
from region_heads.quality.splits.wording import wording
from region_heads.records import SPLIT_SCHEMA, TAGGED_SCHEMA

HELD_BACK, PREDICT = "held_back", "predict"
TABLES = (*SPLITS, HELD_BACK, PREDICT)
_HEAVY = ("rle", "freeform_answer", "grounding", "grounding_roles")
"""Columns that decide nothing here; they are only passed through."""


def split_table(*, tagged: Path, splits: Path, report: Path, settings: Params) -> dict[str, Any]:
    """Shares the questions out by picture, balances the training split, and reports how the splits differ.

    Args:
        tagged: The tagged table (``TAGGED_SCHEMA``).
        splits: Written: a folder with a table (``SPLIT_SCHEMA``) for each of :data:`TABLES`.
        report: Written: what each split holds, and in what they differ.
        settings: Shares and balance.

    Returns:
        The report.

    Raises:
        RegionHeadsError: ``tagged`` is no tagged table, or is empty.
    """
    with open_table(tagged, TAGGED_SCHEMA, writer="tag_tasks") as file:
        light = file.read(columns=[name for name in TAGGED_SCHEMA.names if name not in _HEAVY])
        if light.num_rows == 0:
            raise RegionHeadsError(f"{tagged}: expected questions, found none; see the reports of the steps before")
        placed = _place(light, settings)
        light = light.append_column("wording", pa.array(placed.wordings, pa.string()))
        with whole_folder(splits) as folder:
            _write(file, placed, folder, records=records_digest(tagged))
    chosen = {name: pc.equal(pa.array(placed.tables), name) for name in TABLES}
    content = report_content(
        {name: light.filter(rows) for name, rows in chosen.items()}, placed.assignment, placed.alike, placed.repeated,
        group_of=placed.group_of,
    )  # fmt: skip
    write_json(report, content)
    print_report(content)
    return content


@dataclass(frozen=True)
class _Placed:
    """Where each question goes.

    Attributes:
        tables: Name of the question's table.
        taken: How often it stands there.
        wordings, novel: Its wording, and whether training does not hold that.
        alike: Pairs of pictures that look alike.
        repeated: Rows that balancing adds to the training split.
    """

    tables: list[str]
    taken: list[int]
    wordings: list[str]
    novel: list[bool]
    assignment: Assignment
    alike: list[tuple[str, str]]
    repeated: int
    group_of: dict[str, str]


def _place(light: pa.Table, settings: Params) -> _Placed:
    targets = [name for name in light.column_names if name.startswith("target_")]
    columns: dict[str, list[Any]] = light.select(
        ["id", "image", "image_hash", "source_split", "task", "question", *targets]
    ).to_pydict()
    answers = [
        next((one for one in row if one is not None), None) for row in zip(*map(columns.get, targets), strict=True)
    ]
    images = columns["image"]
    alike = near_duplicates({image: text for image, text in zip(images, columns["image_hash"], strict=True) if text})
    names = group_of(images, settings.group, alike if settings.near_duplicates == "together" else [])
    regions = pc.list_value_length(light["mask_areas"]).to_pylist()
    questions = zip(images, columns["source_split"], columns["task"], answers, regions, strict=True)
    assignment = assign(
        groups((SplitQuestion(*question) for question in questions), names.__getitem__),
        {"train": settings.train, "val": settings.val, "test": settings.test},
        seed=settings.seed,
        keep=settings.source_splits == "keep",
    )
    tables = [
        PREDICT if answer is None else assignment.split[names[image]]
        for image, answer in zip(images, answers, strict=True)
    ]
    taken = _balanced(tables, columns, settings)
    wordings = [wording(question) for question in columns["question"]]
    trained = {words for words, table in zip(wordings, tables, strict=True) if table == "train"}
    novel = [words not in trained for words in wordings]
    return _Placed(tables, taken, wordings, novel, assignment, alike, sum(taken) - len(taken), names)


def _balanced(tables: list[str], columns: dict[str, list[Any]], settings: Params) -> list[int]:
    """How often each question stands in its table; what the training split leaves out goes to ``held_back``."""
    taken = [1] * len(tables)
    training = [row for row, table in enumerate(tables) if table == "train"]
    times = copies(
        [columns["id"][row] for row in training],
        [columns["task"][row] for row in training],
        balance=settings.balance,
        ratio=settings.max_task_ratio,
        temperature=settings.temperature,
        seed=settings.seed,
    )
    for row, number in zip(training, times, strict=True):
        taken[row] = number or 1
        if not number:
            tables[row] = HELD_BACK
    return taken


def _write(file: pq.ParquetFile, placed: _Placed, folder: Path, *, records: str | None) -> None:
    """Sends every row, with its masks, to its table; a row group at a time."""
    first = 0
    with contextlib.ExitStack() as open_writers:
        writers = {
            name: open_writers.enter_context(TableWriter(folder / f"{name}.parquet", SPLIT_SCHEMA, records=records))
            for name in TABLES
        }
        bar = open_writers.enter_context(progress_bar("splitting", total=len(placed.tables), unit="questions"))
        for batch in file.iter_batches(ROW_GROUP, columns=TAGGED_SCHEMA.names):
            rows = range(first, first + batch.num_rows)
            for name, writer in writers.items():
                chosen = [row for row in rows if placed.tables[row] == name]
                if chosen:
                    writer.add(_rows(batch.select(TAGGED_SCHEMA.names), first, chosen, placed))
            first += batch.num_rows
            bar.advance(batch.num_rows)
    if first != len(placed.tables):
        raise AssertionError(f"{first} questions read, {len(placed.tables)} placed")


def _rows(batch: pa.RecordBatch, first: int, chosen: Sequence[int], placed: _Placed) -> pa.RecordBatch:
    repeated = [(row, copy) for row in chosen for copy in range(placed.taken[row])]
    kept = batch.take(pa.array([row - first for row, _ in repeated], pa.int64()))
    more = [
        pa.array([placed.wordings[row] for row, _ in repeated], pa.string()),
        pa.array([placed.novel[row] for row, _ in repeated], pa.bool_()),
        pa.array([copy for _, copy in repeated], pa.int32()),
    ]
    return pa.RecordBatch.from_arrays([*kept.columns, *more], schema=SPLIT_SCHEMA)
