"""Real records of the public warehouse set go through the first steps; their pictures are absent."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.split.step import run as split
from components.tag_tasks.step import run as tag_tasks
from components.validate.step import run as validate
from region_heads.errors import RegionHeadsError
from region_heads.quality.splits.settings import Params as SplitParams
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.tagging.settings import Params as TagParams

ROOT = Path(__file__).resolve().parents[2]
RECORDS = Path(os.environ.get("REGION_HEADS_REAL_DATA", ROOT.parent / "shared" / "data")) / "records.json"

pytestmark = pytest.mark.skipif(not RECORDS.is_file(), reason=f"no real records: {RECORDS}")


def _validate(folder: Path, settings: ValidateParams, tracking: TrackingParams) -> None:
    validate(
        dataset=RECORDS,
        records=folder / "records.parquet",
        quarantine=folder / "quarantine.jsonl",
        data_docs=folder / "data_docs",
        report=folder / "validation.json",
        data=DatasetParams(),
        validate=settings,
        tracking=tracking,
    )


def test_all_pass_validate_tag_tasks_and_split(tmp_path: Path, tracking: TrackingParams) -> None:
    truth = {record["id"]: record for record in json.loads(RECORDS.read_text(encoding="utf-8"))}
    _validate(tmp_path, ValidateParams(images="absent", max_rejected_share=0.0), tracking)
    tag_tasks(
        records=tmp_path / "records.parquet",
        tagged=tmp_path / "tagged.parquet",
        quarantine=tmp_path / "untagged.jsonl",
        report=tmp_path / "router.json",
        tag_tasks=TagParams(),
    )
    router = json.loads((tmp_path / "router.json").read_text())
    assert router["tagged"] == router["agreement"]["agreed"] == len(truth) == 8
    split(
        tagged=tmp_path / "tagged.parquet",
        splits=tmp_path / "splits",
        report=tmp_path / "split.json",
        page=tmp_path / "split.html",
        split=SplitParams(),
    )
    rows = [row for path in (tmp_path / "splits").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["id"] for row in rows} == set(truth)
    for row in rows:
        record = truth[row["id"]]
        assert (row["height"], row["width"]) == tuple(record["rle"][0]["size"]) == (1080, 1920)
        assert row["rle"] == [mask["counts"] for mask in record["rle"]]
        target = row["target_distance"] if row["task"] == "distance" else row["target_side"]
        assert target == record["normalized_answer"]
        named = {int(number) for number in re.findall(r"\[Region (\d+)\]", record["freeform_answer"])}
        assert set(row["grounding"]) == named
        assert row["grounding_roles"] == ["answer", "answer"]


def test_asking_for_the_pictures_says_that_they_are_absent_and_what_to_set(
    tmp_path: Path, tracking: TrackingParams
) -> None:
    with pytest.raises(RegionHeadsError, match=r"set validate\.images to absent in params\.yaml"):
        _validate(tmp_path, ValidateParams(), tracking)
    lines = (tmp_path / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["content"] for line in lines] == json.loads(RECORDS.read_text(encoding="utf-8"))
