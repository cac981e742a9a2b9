"""Records in tables: the same as in JSON, and what is wrong with a table is told in words."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_heads.errors import RegionHeadsError
from region_heads.formats import tabular
from region_heads.formats.candidate import Candidate
from region_heads.formats.json_text import BrokenTextError, whole
from region_heads.formats.parsing import parse_record
from region_heads.formats.reading import RecordFile
from region_heads.tasks import TASKS
from tests.components.validate.conftest import Run, rle, sound_records

LABELS = {task.category: task.flat_field for task in TASKS}


def flat(record: dict[str, Any]) -> dict[str, Any]:
    """A public record in the flat format."""
    question = record["conversations"][0]["value"].removeprefix("<image>\n")
    answer = record["normalized_answer"]
    label = int(answer) if record["category"] == "mcq" else answer
    kept = {name: record[name] for name in ("id", "image", "freeform_answer")}
    return kept | {"question": question, "regions": record["rle"], LABELS[record["category"]]: label}


RECORDS = [flat(record) for record in sound_records()]


def cells(record: dict[str, Any]) -> dict[str, str]:
    """A record as the cells of a row: text as it is, all else as JSON, and text that JSON would misread, too."""

    def cell(name: str, value: Any) -> str:
        if name in ("id", "question", "image", "freeform_answer") and isinstance(value, str):
            return value
        text = json.dumps(value)
        return value if isinstance(value, str) and not is_json(value) else text

    return {name: cell(name, value) for name, value in record.items() if value is not None}


def is_json(text: str) -> bool:
    try:
        whole(text)
    except BrokenTextError:
        return False
    return True


def as_csv(path: Path, records: list[dict[str, Any]], *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(map(cells, records))
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def as_parquet(path: Path, records: list[dict[str, Any]], *, json_text: bool) -> Path:
    rows = [one | {"regions": json.dumps(one["regions"])} for one in records] if json_text else records
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
    return path


def read(path: Path) -> list[Any]:
    return [parse_record(raw.content) if raw.problem is None else raw.problem for raw in RecordFile(path)]


def test_a_data_set_of_tables_is_validated_as_one_of_json(warehouse: Path, run: Run) -> None:
    (warehouse / "train.json").write_text(json.dumps(RECORDS))
    expected = run(warehouse).records.drop_columns(["source"])
    (warehouse / "train.json").unlink()
    for name, path in {
        "*.csv": as_csv(warehouse / "train.csv", RECORDS),
        "*.tsv": as_csv(warehouse / "train.tsv", RECORDS, encoding="utf-16", delimiter="\t"),
        "*.parquet": as_parquet(warehouse / "train.parquet", RECORDS, json_text=False),
    }.items():
        outputs = run(warehouse, data={"annotations": name})
        assert outputs.result == {"read": 8, "accepted": 8, "quarantined": 0}
        assert outputs.records.drop_columns(["source"]).to_pylist() == expected.to_pylist()
        path.unlink()


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n\r\t",;<>[]{}'), min_size=1, max_size=30
)
QUESTION = TEXT.map(lambda text: f"How far is <mask> {text} <mask>?")
LABEL = st.one_of(
    st.fixed_dictionaries({"distance_label": st.floats(0, 1e5) | st.integers(0, 9)}),
    st.fixed_dictionaries({"direction": st.sampled_from(["left", "right"])}),
    st.fixed_dictionaries({"selected_region_idx": st.integers(0, 1)}),
    st.fixed_dictionaries({"count": st.integers(0, 9)}),
    st.just({}),
)
RECORD = st.builds(
    lambda label, **fields: fields | label,
    label=LABEL, id=TEXT, image=TEXT, question=QUESTION, freeform_answer=TEXT | st.none(),
    regions=st.lists(st.integers(0, 40).map(rle), min_size=2, max_size=2),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, min_size=1, max_size=4))
def test_records_written_as_json_lines_parquet_and_csv_are_read_as_equal(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    listed, lines = tmp_path / "a.json", tmp_path / "b.jsonl"
    listed.write_text(json.dumps(records))
    lines.write_text("\n".join(map(json.dumps, records)))
    expected = read(listed)
    assert all(isinstance(one, Candidate) for one in expected)
    assert read(lines) == expected
    assert read(as_csv(tmp_path / "c.csv", records)) == expected
    for json_text in (False, True):
        assert read(as_parquet(tmp_path / "d.parquet", records, json_text=json_text)) == expected


def test_boxes_and_whole_numbers_that_pandas_made_decimal_are_read(tmp_path: Path) -> None:
    first = {"question": "<mask>?", "image": "a.png", "regions": "[[1, 2, 3.5, 4]]", "selected_region_idx": 0.0}
    pq.write_table(pa.Table.from_pylist([first, first | {"selected_region_idx": None}]), tmp_path / "a.parquet")
    chosen, unanswered = read(tmp_path / "a.parquet")
    assert chosen.regions[0].box == (1, 2, 3.5, 4)
    assert TASKS[2].read(chosen.answer, regions=1) == 0
    assert unanswered.answer is None


def test_a_bad_row_is_one_record_and_is_named_by_its_place(warehouse: Path, run: Run) -> None:
    (warehouse / "train.json").unlink()
    records = [one | {"question": one["question"].replace(" ", "\n", 2)} for one in RECORDS]  # each on three lines
    header, *rows = as_csv(warehouse / "train.csv", records).read_bytes().split(b"\r\n")
    rows[2] = b"r2,too,few"
    rows[4] = rows[4].replace(b'"[{', b'"x" [{')
    rows[5] = rows[5].replace(b"It is so", b"Es ist gr\xf6\xdfer")
    (warehouse / "train.csv").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([b"", header, b"", *rows]))
    outputs = run(warehouse, data={"annotations": "*.csv"})
    assert outputs.result == {"read": 8, "accepted": 5, "quarantined": 3}
    few, quotes, encoding = outputs.quarantined
    assert few["reasons"][0]["message"] == (
        "train.csv, line 10, record 3: expected one complete row, found a row of 3 cells under "
        f"{len(header.split(b','))} names of columns; mend or remove this text"
    )
    assert few["text"] == "r2,too,few"
    assert (quotes["record"], quotes["reasons"][0]["check"]) == (5, "broken_row")
    assert (encoding["record"], encoding["reasons"][0]["check"]) == (6, "encoding")


@pytest.mark.parametrize(
    ("change", "told"),
    {
        b"id,": rb"train.csv: expected columns of different names, found 'image' twice; rename one",
        b"question": rb"train.csv: expected a column 'question', found none; .*did you mean 'qestion'?",
    }.items(),
)
def test_a_table_whose_columns_are_not_a_formats_is_refused(
    warehouse: Path, run: Run, change: bytes, told: bytes
) -> None:
    (warehouse / "train.json").unlink()
    path = as_csv(warehouse / "train.csv", RECORDS)
    to = {b"id,": b"image,", b"question": b"qestion"}[change]
    path.write_bytes(path.read_bytes().replace(change, to, 1))
    with pytest.raises(RegionHeadsError, match=told.decode()):
        run(warehouse, data={"annotations": "*.csv"})


@pytest.mark.parametrize("damage", ["cut", "empty", "garbage"])
@pytest.mark.parametrize("name", ["train.parquet", "train.csv"])
def test_a_damaged_table_is_told_in_words(warehouse: Path, run: Run, name: str, damage: str) -> None:
    (warehouse / "train.json").unlink()
    path = warehouse / name
    as_csv(path, RECORDS) if name.endswith("csv") else as_parquet(path, RECORDS, json_text=False)
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes({"cut": content[:half], "empty": b"", "garbage": b"\0\xff" * 99}[damage])
    if name.endswith("csv") and damage == "cut":  # its last row alone is broken
        assert run(warehouse, data={"annotations": name}).result["quarantined"] == 1
        return
    with pytest.raises(
        RegionHeadsError, match=rf"{name}: (not readable|none of its \d+ records|expected columns)"
    ) as error:
        run(warehouse, data={"annotations": name})
    assert str(warehouse) in str(error.value)


def test_a_flipped_byte_of_parquet_is_an_error_in_words_or_other_data(tmp_path: Path) -> None:
    whole_file = as_parquet(tmp_path / "a.parquet", RECORDS, json_text=True).read_bytes()
    for place in range(4, len(whole_file), 41):
        (tmp_path / "b.parquet").write_bytes(
            whole_file[:place] + bytes([whole_file[place] ^ 0x55]) + whole_file[place + 1 :]
        )
        try:
            read(tmp_path / "b.parquet")
        except RegionHeadsError as error:
            assert "b.parquet: " in str(error)


_GROWTH = """
import re, sys
from pathlib import Path
from region_heads.formats.reading import RecordFile
def peak(): return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
list(RecordFile(Path(sys.argv[1])))  # so that all is imported
before = peak()
print(sum(1 for raw in RecordFile(Path(sys.argv[2]))), peak() - before)
"""


@pytest.mark.slow
def test_a_row_group_as_large_as_the_file_is_read_with_memory_for_a_part_of_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts = [rng.bytes(5000).hex() for _ in range(10_000)]
    table = pa.table({"question": ["<mask>?"] * 10_000, "image": ["a.png"] * 10_000, "regions": counts})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=10_000, write_batch_size=64)
    pq.write_table(table.slice(0, 10), tmp_path / "b.parquet")
    program = [sys.executable, "-c", _GROWTH, str(tmp_path / "b.parquet"), str(tmp_path / "a.parquet")]
    rows, grown = map(int, subprocess.run(program, capture_output=True, text=True, check=True).stdout.split())
    assert rows == 10_000
    assert grown * 1024 < (tmp_path / "a.parquet").stat().st_size / 2


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_that_does_not_end_is_cut_at_the_length_of_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    monkeypatch.setattr(tabular, "LONGEST_RECORD", 5000)
    path = tmp_path / "a.csv"
    path.write_text(f"question,image,regions\n{quote}{'x, ' * 20_000}\n" + ("y\n" * 9000 if quote else ""))
    found = list(RecordFile(path))
    assert len(found) > 10
    assert all(raw.problem is not None and len(raw.text) < 10_010 for raw in found)


def test_a_line_of_names_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabular, "LONGEST_RECORD", 5000)
    (tmp_path / "a.csv").write_text("x" * 9000)
    with pytest.raises(RegionHeadsError, match=r"a.csv: expected a line with the names .* more than 5,000 characters"):
        list(RecordFile(tmp_path / "a.csv"))
