"""drift: new training data against what the champion was trained on, as numbers and as a page."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.drift.step import run as drift
from region_heads.errors import RegionHeadsError
from region_heads.quality.drift.profile import PROFILE_SCHEMA, profile, sampled
from region_heads.quality.drift.settings import Params
from region_heads.quality.drift.shift import divergence, shifts, word_shifts
from region_heads.records import SPLIT_SCHEMA
from region_heads.registry.tracking import connect, tracking_run
from region_heads.registry.training_profile import log_training_profile
from region_heads.settings import TrackingParams

MODEL = "region-heads"
_CHOICES = {True: "Which pallet should the transporter # take?", False: "Which of # is leftmost?"}


def questions(number: int, *, transporters: float = 0.14, area: int = 400, brightness: float = 0.5) -> pa.Table:
    """A training split: half distances, half choices, of which a share is about transporters."""
    rng = np.random.default_rng(number)
    rows: list[dict[str, Any]] = []
    for n in range(number):
        choice = n % 2 == 0
        words = _CHOICES[bool(rng.random() < transporters)]
        row = {
            "id": f"q{n}", "source": f"train.json#{n}", "source_split": "train", "image": f"{n // 5}.png",
            "width": 100, "height": 100, "brightness": rng.normal(brightness, 0.05), "contrast": 0.2,
            "question": words, "wording": words if choice else "How far is # from #?", "novel_wording": False,
            "rle": ["04", "04"], "mask_areas": [area, int(rng.integers(1, area))], "copy": 0,
            "task": "multiple_choice" if choice else "distance", "task_source": "label", "task_confidence": 1.0,
            "target_region": int(rng.integers(2)) if choice else None,
            "target_distance": None if choice else float(rng.lognormal(1.5, 0.5)),
        }  # fmt: skip
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)


def write_splits(folder: Path, table: pa.Table) -> Path:
    """A folder of splits with this training split."""
    folder.mkdir()
    pq.write_table(table, folder / "train.parquet")
    return folder


def crown(tracking: TrackingParams, splits: Path | None) -> None:
    """Registers a champion that was trained on ``splits``."""
    client = connect(tracking)
    with tracking_run(tracking, name="register") as run:
        if splits is not None:
            log_training_profile(splits)
    client.create_registered_model(MODEL)
    version = client.create_model_version(MODEL, "file:///nowhere", run.info.run_id, tags={"run_id": run.info.run_id})
    client.set_registered_model_alias(MODEL, "champion", version.version)


def run(tmp_path: Path, splits: Path, tracking: TrackingParams, **settings: Any) -> tuple[dict[str, Any], str]:
    """Report and page."""
    figures = drift(
        splits=splits, report=tmp_path / "drift.json", page=tmp_path / "drift.html", drift=Params(**settings),
        tracking=tracking,
    )  # fmt: skip
    content = json.loads((tmp_path / "drift.json").read_text())
    assert figures["drifted"] == len(content["drifted"])
    return content, (tmp_path / "drift.html").read_text()


def test_without_a_champion_nothing_is_compared_and_it_is_reported(tmp_path: Path, tracking: TrackingParams) -> None:
    splits = write_splits(tmp_path / "splits", questions(100))
    content, page = run(tmp_path, splits, tracking)
    assert (content["champion"], content["features"]) == (None, [])
    assert "has no champion yet" in content["compared"] and "has no champion yet" in page
    assert "brightness of the picture" in page and content["training"][0]["value"] in page


def test_a_champion_without_a_profile_is_reported(tmp_path: Path, tracking: TrackingParams) -> None:
    crown(tracking, None)
    content, _ = run(tmp_path, write_splits(tmp_path / "splits", questions(100)), tracking)
    assert (content["champion"], content["compared"]) == (
        "1", "with nothing: version 1 was registered without a profile of its data",
    )  # fmt: skip


def test_a_profile_that_was_logged_and_cannot_be_read_does_not_count_as_none(
    tmp_path: Path, tracking: TrackingParams
) -> None:
    splits = write_splits(tmp_path / "old", questions(100))
    crown(tracking, splits)
    (profile,) = tmp_path.rglob("profile.parquet")
    profile.unlink()
    with pytest.raises(RegionHeadsError, match=r"training_profile.* of run \w+ \(version 1\) cannot be read"):
        run(tmp_path, splits, tracking)


def test_a_version_whose_run_was_deleted_for_good_is_compared_with_nothing(
    tmp_path: Path, tracking: TrackingParams
) -> None:
    splits = write_splits(tmp_path / "old", questions(100))
    crown(tracking, splits)
    with sqlite3.connect(tmp_path / "mlflow.db") as store:  # as `mlflow gc` does
        store.executescript("DELETE FROM metrics; DELETE FROM params; DELETE FROM tags; DELETE FROM runs;")
    content, _ = run(tmp_path, splits, tracking)
    assert re.fullmatch(r"with nothing: run \w+, which has the profile of version 1, is missing", content["compared"])


def test_more_of_the_same_has_not_drifted(tmp_path: Path, tracking: TrackingParams) -> None:
    crown(tracking, write_splits(tmp_path / "old", questions(900)))
    content, page = run(tmp_path, write_splits(tmp_path / "new", questions(1000)), tracking)
    assert content["drifted"] == content["words"] == []
    names = {feature["name"] for feature in content["features"]}
    assert {"task", "wording", "mask size (share of the picture)", "answer of distance"} <= names
    assert "No feature drifted" in page


def test_what_has_changed_is_named(tmp_path: Path, tracking: TrackingParams) -> None:
    crown(tracking, write_splits(tmp_path / "old", questions(900)))
    new = questions(1000, transporters=0.74, area=900, brightness=0.8)
    content, page = run(tmp_path, write_splits(tmp_path / "new", new), tracking)
    assert set(content["drifted"]) == {"mask size (share of the picture)", "brightness of the picture"}
    told = {word["word"]: word["sentence"] for word in content["words"]}
    assert told["transporter"].endswith("of the multiple_choice questions")
    assert "transporter" in page and "2 of " in page
    assert "brightness of the picture drifted. Another camera" in page


def test_the_limit_decides_what_has_drifted(tmp_path: Path, tracking: TrackingParams) -> None:
    crown(tracking, write_splits(tmp_path / "old", questions(900)))
    new = write_splits(tmp_path / "new", questions(1000, area=500))
    assert "mask size (share of the picture)" in run(tmp_path, new, tracking, limit=0.05)[0]["drifted"]
    assert run(tmp_path, new, tracking, limit=0.9)[0]["drifted"] == []


def test_a_profile_is_small_and_holds_no_picture_no_mask_and_no_id() -> None:
    table = profile(questions(50))
    assert table.schema.equals(PROFILE_SCHEMA)
    assert not {"id", "image", "rle", "question"} & set(table.column_names)
    assert table["mask_share"][0].as_py() == pytest.approx(sum(questions(50)["mask_areas"][0].as_py()) / 2 / 10_000)
    assert sampled(table, 20).num_rows == 20
    in_chunks = pa.concat_tables([questions(50).slice(start, 10) for start in range(0, 50, 10)])
    assert profile(in_chunks).equals(table), "whatever the chunks of the table are"
    assert sampled(table, 60).num_rows == 50


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6), st.integers(2, 20))
def test_the_divergence_is_that_of_shares_and_symmetric(counts: list[int], factor: int) -> None:
    first = {str(number): count for number, count in enumerate(counts)}
    second = {str(number): count for number, count in enumerate(reversed(counts))}
    there, back = divergence(first, second), divergence(second, first)
    assert there is not None and there == pytest.approx(back)
    assert 0 <= there <= 1
    assert divergence(first, {name: factor * count for name, count in first.items()}) == pytest.approx(0, abs=1e-9)


def test_the_same_profile_has_no_shift_at_any_limit() -> None:
    same = profile(questions(300))
    assert not [shift for shift in shifts(same, same, limit=0.001) if shift.drifted or shift.size > 1e-9]
    assert word_shifts(same, same, least=0.001) == []
