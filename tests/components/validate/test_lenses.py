"""The field of view in records: read from every kind of file, the same for all questions about a picture."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.components.validate.conftest import WIDTH, Run, rle, sound_records, spoilt, write


def lenses(records: pa.Table) -> dict[str, float | None]:
    """The field of view of each picture, by its number."""
    return {row["image"][-5]: row["field_of_view"] for row in records.to_pylist()}


def test_what_one_record_gives_holds_for_all_about_its_picture_and_the_setting_for_the_others(
    warehouse: Path, run: Run
) -> None:
    write(warehouse, spoilt(field_of_view=52.5))
    assert lenses(run(warehouse).records) == {"0": 52.5, "1": None, "2": None}
    assert lenses(run(warehouse, data={"field_of_view": 60.0}).records) == {"0": 52.5, "1": 60.0, "2": 60.0}
    write(warehouse, sound_records())
    assert lenses(run(warehouse).records) == {"0": None, "1": None, "2": None}


def test_intrinsics_are_pixels_of_the_picture(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(intrinsics={"fx": WIDTH / 2, "fy": WIDTH / 2, "cx": 31.5, "cy": 24}))
    assert lenses(run(warehouse).records)["0"] == pytest.approx(90)


@pytest.mark.parametrize("kind", ["flat.jsonl", "flat.csv", "flat.parquet"])
def test_flat_records_and_tables_give_it_too(warehouse: Path, run: Run, kind: str) -> None:
    matrix = [[40.0, 0.0, 32.0], [0.0, 40.0, 24.0], [0.0, 0.0, 1.0]]
    rows: list[dict[str, Any]] = [
        {"question": "How far is <mask> from <mask>?", "image": "000000.png", "regions": [rle(8), rle(20)],
         "distance_label": 2.5, "field_of_view": 60 if number else None, "intrinsics": None if number else matrix}
        for number in range(2)
    ]  # fmt: skip
    rows[1]["image"] = "000001.png"
    (warehouse / "train.json").unlink()
    file = warehouse / f"train.{kind.partition('.')[2]}"
    if kind == "flat.parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif kind == "flat.csv":
        with file.open("w", encoding="utf-8", newline="") as text:
            table = csv.writer(text)
            table.writerow(rows[0])
            for row in rows:
                table.writerow("" if v is None else v if isinstance(v, str) else json.dumps(v) for v in row.values())
    else:
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = lenses(run(warehouse, data={"annotations": file.name}, max_rejected_share=0.0).records)
    assert found == {"0": pytest.approx(77.32, abs=0.01), "1": 60.0}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"field_of_view": 1.2}, "field_of_view"), ({"intrinsics": {"fx": 40, "cx": 90}}, "intrinsics")],
)
def test_a_lens_that_cannot_be_is_quarantined_by_file_record_and_field(
    warehouse: Path, run: Run, changes: dict[str, Any], field: str
) -> None:
    write(warehouse, spoilt(**changes))
    (line,) = run(warehouse).quarantined
    assert (line["file"], line["record"], line["reasons"][0]["check"]) == ("train.json", 1, "lens")
    assert line["reasons"][0]["field"] == field


def test_two_records_that_give_a_picture_two_lenses_cannot_both_be_right(warehouse: Path, run: Run) -> None:
    records = spoilt(field_of_view=52.5)
    records[3] |= {"field_of_view": 60}  # about the same picture
    write(warehouse, records)
    outputs = run(warehouse)
    (line,) = outputs.quarantined
    assert line["reasons"][0]["message"] == (
        "train.json, line 1, record 4: field_of_view: expected 52.5 degrees, as another record about the picture "
        "gives, found 60; correct one of them"
    )
    assert lenses(outputs.records)["0"] == 52.5
