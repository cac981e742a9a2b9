"""A tagged table in, split tables out: train, validation and test, with no picture in two of them."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from region_heads.console.progress import progress_bar
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import open_table
from region_heads.files.output import whole_folder, write_json
from region_heads.files.tables import ROW_GROUP, TableWriter, records_digest
from region_heads.quality.drift.profile import READ
from region_heads.quality.splits.assignment import SPLITS, Assignment, assign
from region_heads.quality.splits.balance import copies
from region_heads.quality.splits.duplicates import HASH, near_duplicates
from region_heads.quality.splits.groups import answered, encoded, group_of, groups
from region_heads.quality.splits.report import print_report, report_content
from region_heads.quality.splits.settings import Params
from region_heads.quality.splits.wording import wording
from region_heads.records import SPLIT_SCHEMA, TAGGED_SCHEMA

HELD_BACK, PREDICT = "held_back", "predict"
TABLES = (*SPLITS, HELD_BACK, PREDICT)
_SHARED = ("image", "image_hash", "source_split", "task")
"""Texts that many questions have in common."""
_READ = ("id", *_SHARED, *(name for name in READ if name not in ("id", *_SHARED, "wording")))
"""Columns that decide where a question goes, or that the report is about; the others are only passed through."""


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
        light = _light(file)
        if light.num_rows == 0:
            raise RegionHeadsError(f"{tagged}: expected questions, found none; see the reports of the steps before")
        placed = _place(light, settings)
        with whole_folder(splits) as folder:
            _write(file, light["wording"], placed, folder, records=records_digest(tagged))
    content = report_content(
        {name: light.filter(pa.array(placed.table == number)) for number, name in enumerate(TABLES)},
        placed.assignment, placed.alike, int(placed.taken.sum()) - light.num_rows, group_of=placed.group_of,
    )  # fmt: skip
    write_json(report, content)
    print_report(content)
    return content


def _light(file: pq.ParquetFile) -> pa.Table:
    """The columns that decide, in memory: each text that many questions share once, and for the question its wording.

    Five million questions about half a million pictures are some 600 MB of these.
    """
    batches = []
    for batch in file.iter_batches(ROW_GROUP, columns=[*_READ, "question"]):
        columns = {name: batch[name] for name in _READ}
        for name in ("id", "image_hash"):  # of which all together may be more than 2 GiB of text
            columns[name] = columns[name].cast(pa.large_string())
        columns |= {name: columns[name].dictionary_encode() for name in _SHARED}
        wordings = pa.array([wording(question) for question in batch["question"].to_pylist()], pa.string())
        batches.append(pa.RecordBatch.from_pydict(columns | {"wording": wordings.dictionary_encode()}))
    return pa.Table.from_batches(batches).unify_dictionaries() if batches else pa.table({})


@dataclass(frozen=True)
class _Placed:
    """Where each question goes.

    Attributes:
        table: For each question, the place of its table in :data:`TABLES`.
        taken: How often it stands there.
        novel: Whether training does not hold its wording.
        alike: Pairs of pictures that look alike.
    """

    table: NDArray[np.int8]
    taken: NDArray[np.int32]
    novel: NDArray[np.bool_]
    assignment: Assignment
    alike: list[tuple[str, str]]
    group_of: dict[str, str]


def _place(light: pa.Table, settings: Params) -> _Placed:
    image, images = encoded(light["image"])
    alike = near_duplicates(_hashes(light))
    names = group_of(images, settings.group, alike if settings.near_duplicates == "together" else [])
    found = groups(light, names)
    assignment = assign(
        found,
        {"train": settings.train, "val": settings.val, "test": settings.test},
        seed=settings.seed,
        keep=settings.source_splits == "keep",
    )
    number = {name: place for place, name in enumerate(TABLES)}
    # A group that no answered question is about has no split, and none of its questions is asked for one.
    of_image = np.array([number[assignment.split.get(names[one], PREDICT)] for one in images], np.int8)
    table = np.where(answered(light), of_image[image], np.int8(number[PREDICT]))
    taken = np.ones(len(table), np.int32)
    training = np.flatnonzero(table == number["train"])
    times = copies(
        light["id"].take(pa.array(training)), encoded(light["task"])[0][training],
        balance=settings.balance, ratio=settings.max_task_ratio, temperature=settings.temperature, seed=settings.seed,
    )  # fmt: skip
    taken[training] = np.maximum(times, 1)
    table[training[times == 0]] = number[HELD_BACK]
    words, wordings = encoded(light["wording"])
    trained = np.zeros(len(wordings), bool)
    trained[words[table == number["train"]]] = True
    return _Placed(table, taken, ~trained[words], assignment, alike, names)


def _hashes(light: pa.Table) -> dict[str, str]:
    """Picture to its hash, for those that have one of the form that ``validate`` writes."""
    pictures = light.select(["image", "image_hash"]).filter(pc.is_valid(light["image_hash"]))
    (image, images), (looks, texts) = (encoded(pictures[name]) for name in ("image", "image_hash"))
    _, first = np.unique(image, return_index=True)
    return {images[image[row]]: text for row in first if HASH.fullmatch(text := texts[looks[row]])}


def _write(
    file: pq.ParquetFile, wordings: pa.ChunkedArray, placed: _Placed, folder: Path, *, records: str | None
) -> None:
    """Sends every row, with its masks, to its table; a row group at a time."""
    first = 0
    with contextlib.ExitStack() as open_writers:
        writers = [
            open_writers.enter_context(TableWriter(folder / f"{name}.parquet", SPLIT_SCHEMA, records=records))
            for name in TABLES
        ]
        bar = open_writers.enter_context(progress_bar("splitting", total=len(placed.table), unit="questions"))
        for batch in file.iter_batches(ROW_GROUP, columns=TAGGED_SCHEMA.names):
            rows = slice(first, first + batch.num_rows)
            words = pc.cast(wordings.slice(first, batch.num_rows).combine_chunks(), pa.string())
            for number, writer in enumerate(writers):
                chosen = np.flatnonzero(placed.table[rows] == number)
                if len(chosen):
                    times = placed.taken[rows][chosen]
                    repeated = np.repeat(chosen, times)
                    copy = np.arange(len(repeated)) - np.repeat(np.cumsum(times) - times, times)
                    writer.add(_rows(batch.select(TAGGED_SCHEMA.names), words, placed.novel[rows], repeated, copy))
            first += batch.num_rows
            bar.advance(batch.num_rows)
    if first != len(placed.table):
        raise AssertionError(f"{first} questions read, {len(placed.table)} placed")


def _rows(
    batch: pa.RecordBatch, words: pa.Array, novel: NDArray[np.bool_], rows: NDArray[np.int64], copy: NDArray[np.int64]
) -> pa.RecordBatch:
    """The ``rows`` of ``batch``, with what this step adds to them."""
    kept = pa.array(rows)
    more = [words.take(kept), pa.array(novel[rows]), pa.array(copy, pa.int32())]
    return pa.RecordBatch.from_arrays([*batch.take(kept).columns, *more], schema=SPLIT_SCHEMA)
