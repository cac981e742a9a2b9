"""What an earlier step wrote is read, or refused with the name of the step to run."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import open_table, read_table

SCHEMA = pa.schema([pa.field("id", pa.string()), pa.field("n", pa.int64())])


def test_a_table_is_read_whole_or_in_batches(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "n": [1, 2], "more": [0, 0]})
    pq.write_table(table, tmp_path / "table")
    assert read_table(tmp_path / "table", SCHEMA, writer="split").equals(table)
    with open_table(tmp_path / "table", SCHEMA, writer="split") as file:
        assert [batch.num_rows for batch in file.iter_batches(1)] == [1, 1]


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"table: no such file; run the step split first"):
        read_table(tmp_path / "table", SCHEMA, writer="split")
    (tmp_path / "table").write_bytes(b"text")
    with pytest.raises(RegionHeadsError, match=r"table: not readable as Parquet"):
        read_table(tmp_path / "table", SCHEMA, writer="split")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "table")
    with pytest.raises(RegionHeadsError, match=r"the columns that the step split writes, missing n; run it again"):
        read_table(tmp_path / "table", SCHEMA, writer="split")
