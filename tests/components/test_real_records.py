"""Real records of the public warehouse set go through the first steps; their pictures are absent."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from region_heads.errors import RegionHeadsError
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.settings import TrackingParams
from tests.components.first_steps import run_to_splits, run_validate

ROOT = Path(__file__).resolve().parents[2]
RECORDS = Path(os.environ.get("REGION_HEADS_REAL_DATA", ROOT.parent / "shared" / "data")) / "records.json"

pytestmark = pytest.mark.skipif(not RECORDS.is_file(), reason=f"no real records: {RECORDS}")


def test_all_pass_validate_tag_tasks_and_split(tmp_path: Path, tracking: TrackingParams) -> None:
    truth = {record["id"]: record for record in json.loads(RECORDS.read_text(encoding="utf-8"))}
    run_to_splits(RECORDS, tmp_path, ValidateParams(images="absent", max_rejected_share=0.0), tracking)
    router = json.loads((tmp_path / "router").read_text())
    assert router["tagged"] == router["agreement"]["agreed"] == len(truth) == 8
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
        run_validate(RECORDS, tmp_path, ValidateParams(), tracking)
    lines = (tmp_path / "quarantine").read_text().splitlines()
    assert [json.loads(line)["content"] for line in lines] == json.loads(RECORDS.read_text(encoding="utf-8"))
