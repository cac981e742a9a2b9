"""Runs all records past the judge; holds what passed on disk until the suite has seen the whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.validate.flat_table import flat_row
from components.validate.judging import Judge, Judged
from components.validate.quarantine import Quarantine
from components.validate.sources import Source
from region_heads.errors import RegionHeadsError
from region_heads.formats.problem import Problem
from region_heads.formats.reading import Raw, decode_text, read_records
from region_heads.records import RECORD_SCHEMA

_BATCH = 2048
_ORIGINAL = [
    pa.field("file", pa.string()),
    pa.field("number", pa.int64()),
    pa.field("text", pa.large_string()),
]


class Passed:
    """Records that passed the judge, with their original text, in a scratch file.

    Attributes:
        flat: Their flat rows, in order; the row's ``row`` is its place in the file.
        files: Records read from each file.
    """

    def __init__(self, scratch: Path) -> None:
        self._path = scratch
        self.flat: list[dict[str, Any]] = []
        self.files: Counter[str] = Counter()

    def collect(self, sources: Sequence[Source], judge: Judge, quarantine: Quarantine) -> None:
        """Reads all files; what does not pass goes to ``quarantine``."""
        schema = pa.schema([*RECORD_SCHEMA, *_ORIGINAL])
        with pq.ParquetWriter(self._path, schema, compression="zstd") as writer:
            rows: list[dict[str, Any]] = []
            for judged in self._judged(sources, judge):
                self.files[judged.source.name] += 1
                if judged.row is None:
                    quarantine.add(judged.source.name, judged.raw, judged.problems)
                    continue
                self.flat.append(flat_row(len(self.flat), judged))
                original = {"file": judged.source.name, "number": judged.raw.number, "text": judged.raw.text}
                rows.append(judged.row | original)
                if len(rows) == _BATCH:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    rows = []
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))

    def reject(self, failed: Mapping[int, list[Problem]], quarantine: Quarantine) -> None:
        """Sends the rows that the suite failed to ``quarantine``, whole as they were."""
        if not failed:
            return
        for first, batch in self._batches():
            for place in range(batch.num_rows):
                if first + place in failed:
                    row = batch.slice(place, 1).to_pylist()[0]
                    raw = Raw(row["number"], row["text"], decode_text(row["text"]))
                    quarantine.add(row["file"], raw, failed[first + place])

    def write(self, path: Path, *, without: Iterable[int]) -> None:
        """Writes the record table without the rows that the suite failed."""
        failed = pa.array(sorted(without), pa.int64())
        with pq.ParquetWriter(path, RECORD_SCHEMA, compression="zstd") as writer:
            for first, batch in self._batches():
                numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
                kept = batch.filter(pc.invert(pc.is_in(numbers, value_set=failed)))
                writer.write_table(pa.Table.from_batches([kept]).select(RECORD_SCHEMA.names).cast(RECORD_SCHEMA))

    def _judged(self, sources: Sequence[Source], judge: Judge) -> Iterator[Judged]:
        for source in sources:
            try:
                yield from judge.judge(source, read_records(source.path))
            except OSError as error:
                raise RegionHeadsError(f"{source.path}: not readable: {error.strerror or error}") from None

    def _batches(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        first = 0
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(_BATCH):
                yield first, batch
                first += batch.num_rows
