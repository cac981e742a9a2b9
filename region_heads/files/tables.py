"""Writes the tables that lie between the steps, in row groups of one size, which the next step reads one at a time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError

ROW_GROUP = 8192

_RECORDS = b"region_heads.records_digest"
"""Key in a table's metadata for the digest of the record table that it was made of."""

_HARDLY_EVER_TWICE = ("id", "source", "question", "freeform_answer")
"""Text columns for which a dictionary of values would be as long as the column."""


def records_digest(*tables: Path) -> str | None:
    """The digest of the records that ``tables`` were made of; None where they do not say.

    Raises:
        RegionHeadsError: They were made of different ones.
    """
    found = {path: (pq.read_metadata(path).metadata or {}).get(_RECORDS, b"").decode() for path in tables}
    for path, digest in found.items():
        if digest != found[tables[0]]:
            raise RegionHeadsError(
                f"{path}: expected a table made of the same records as {tables[0]} (records_digest "
                f"{found[tables[0]] or 'none'}), found one of others ({digest or 'none'}); run the step split again"
            )
    return found[tables[0]] or None


class TableWriter:
    """Takes batches of any size, in order; memory for one row group.

    ``records`` is the digest of the records that the table is made of, which it then carries.

    Example:
        with TableWriter(path, RECORD_SCHEMA) as writer:
            writer.add(batch)
    """

    def __init__(self, path: Path, schema: pa.Schema, *, records: str | None = None) -> None:
        texts = [
            field.name for field in schema if pa.types.is_string(field.type) and field.name not in _HARDLY_EVER_TWICE
        ]
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, use_dictionary=texts)
        if records is not None:
            self._writer.add_key_value_metadata({_RECORDS: records})
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Appends the rows of ``batch``."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        self._writer.write_table(table, row_group_size=2 * ROW_GROUP)
        self._waiting, self._rows = [], 0

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
