"""The field of view in records: read from every kind of file, the same for all questions about a picture."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from region_heads.lens_estimate import Estimate
from region_heads.quality.validation.lenses import Lenses
from tests.components.validate.conftest import WIDTH, Run, rle, sound_records, spoilt, write
from tests.region_heads import rendered_scenes


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


def seen_through(warehouse: Path, *lenses: float) -> None:
    """Has the pictures and depth images of the data set show rendered scenes, each through its lens."""
    size = rendered_scenes.WIDTH, rendered_scenes.HEIGHT
    for number, degrees in enumerate(lenses):
        depth = np.rint(rendered_scenes.scene(number, degrees)[0] * 1000).astype(np.uint16)
        Image.fromarray(depth).save(warehouse / "train" / "depths" / f"{number:06d}_depth.png")
        Image.new("RGB", size).save(warehouse / "train" / "images" / f"{number:06d}.png")
    records = sound_records()
    for one in records:
        one["rle"] = [rle(8 + 12 * place, size[1], size[0]) for place in range(len(one["rle"]))]
    write(warehouse, records)


def test_where_no_record_gives_it_depth_images_show_it(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    seen_through(warehouse, 50.0, 60.0, 85.0)
    outputs = run(warehouse)
    assert lenses(outputs.records) == {
        "0": pytest.approx(50, abs=1), "1": pytest.approx(60, abs=1), "2": pytest.approx(85, abs=1),
    }  # fmt: skip
    assert outputs.report["field_of_view"]["pictures"] == {"given": 0, "estimated": 3}
    out = " ".join(capsys.readouterr().out.split())
    assert re.search(r"field of view of the pictures: (59|60)\.\d degrees", out)
    assert "estimated for 3" in out
    assert "whose field of view is unknown" not in out
    seen_through(warehouse, 60.0, 60.0, 60.0)
    (one,) = set(lenses(run(warehouse).records).values())
    assert one == pytest.approx(60, abs=0.5), "estimates that agree are of one lens, and their median is all pictures'"


def test_what_depth_images_do_not_show_is_unknown_and_reported_once_with_the_setting(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(warehouse).report["field_of_view"]  # noise
    assert (report["degrees"], report["unknown_with_depth"]) == (None, 3)
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("whose field of view is unknown: 3") == out.count("Set data.field_of_view") == 1
    run(warehouse, data={"field_of_view": 60.0})
    assert "whose field of view is unknown" not in " ".join(capsys.readouterr().out.split())


def settled(estimates: list[Estimate | None]) -> list[float | None]:
    """What becomes of pictures whose depth images show this."""
    found = Lenses(None)
    for number in range(len(estimates)):
        found.note(f"{number}", f"{number}", None)
    found.settle({f"{number}": one for number, one in enumerate(estimates) if one})
    return [found.of(f"{number}") for number in range(len(estimates))]


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.floats(30, 120), st.integers(8, 40))
def test_unsure_estimates_of_one_lens_add_up_and_a_fifth_of_them_may_be_anything(
    seed: int, truth: float, pictures: int
) -> None:
    rng = np.random.default_rng(seed)
    off = np.clip(rng.normal(0, 0.5, pictures), -1, 1)
    off[: pictures // 5] = rng.uniform(-60, 60, pictures // 5)
    (one,) = set(settled([None, *(Estimate(truth + error, sure=False) for error in off)]))
    assert one == pytest.approx(truth, abs=1)


@given(SEEDS, st.integers(20, 40))
def test_where_lenses_differ_a_sure_picture_keeps_its_own_and_the_median_stands_for_the_others(
    seed: int, pictures: int
) -> None:
    truths = np.linspace(55, 65, pictures) + np.random.default_rng(seed).normal(0, 0.1, pictures)
    found = settled([None, *(Estimate(one, sure=True) for one in truths)])
    assert found[1:] == list(truths)
    assert found[0] == pytest.approx(60, abs=0.5)


def test_few_or_scattered_estimates_speak_for_no_other_picture() -> None:
    sure, unsure = Estimate(60.0, sure=True), Estimate(90.0, sure=False)
    assert settled([sure, unsure, None]) == [60.0, None, None]
    assert settled([Estimate(degrees, sure=False) for degrees in (20.0, 60.0, 110.0, 150.0)]) == [None] * 4
