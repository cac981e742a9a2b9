"""The page of results: means over seeds, and that a question of every seed counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.results_page import Runs, page
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.tasks import TASK_NAMES, Task
from tests.components.conftest import split_rows

DISTANCE = Task.of("distance")


def write_run(variant: Path, seed: int, *, wrong: set[str]) -> None:
    """A finished run that answers everything right but the questions ``wrong``."""
    rows = split_rows("test", 6)
    (variant / "splits").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA), variant / "splits" / "test.parquet")
    answers: list[dict[str, Any]] = [
        {"id": row["id"], "task": row["task"], "prediction": '"none"' if row["id"] in wrong else row["answer"],
         "confidence": 1.0, "answer_weights": [], "anchor_weights": []}
        for row in rows
    ]  # fmt: skip
    run = variant / str(seed)
    (run / "model").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(answers, schema=PREDICTION_SCHEMA), run / "predictions.parquet")
    (run / "evaluation.json").write_text(json.dumps({"tasks": {name: {"baseline": 0.25} for name in TASK_NAMES}}))
    (run / "model" / "training.json").write_text(json.dumps({"seconds": 120.0}))


def test_figures_are_means_over_seeds_with_their_spread_and_an_interval_over_pictures(tmp_path: Path) -> None:
    write_run(tmp_path / "own" / "default", 0, wrong=set())
    write_run(tmp_path / "own" / "default", 1, wrong={"test-0-distance", "test-1-distance", "test-2-distance"})
    runs = Runs(tmp_path / "own" / "default")
    distance = runs.part(DISTANCE, "all")
    assert (distance.n, distance.mean, distance.seeds) == (6, 0.75, [1.0, 0.5])
    assert distance.ci95 is not None
    assert 0.5 <= distance.ci95[0] < 0.75 < distance.ci95[1] <= 1.0
    assert runs.score("all").mean == pytest.approx(0.9375)
    assert runs.score("all").seeds == [1.0, pytest.approx(0.875)]
    assert runs.part(DISTANCE, "new wordings").n == 2
    logged = tmp_path / "mlartifacts" / "a0e2" / "artifacts" / "evaluation.json"
    logged.parent.mkdir(parents=True)
    logged.write_text("{}")
    text = page(tmp_path)
    assert "2 seeds of default, 2.0 minutes a training." in text
    assert "| distance | 6 | .750 |" in text
    assert "| **S1** | 24 | .938 |" in text
    assert "| distance | question form: how | 6 | .750 |" in text


def test_variants_are_compared_question_by_question(tmp_path: Path) -> None:
    write_run(tmp_path / "own" / "default", 0, wrong={f"test-{n}-counting" for n in range(6)})
    write_run(tmp_path / "own" / "better", 0, wrong=set())
    better, default = Runs(tmp_path / "own" / "better"), Runs(tmp_path / "own" / "default")
    assert better.gain(default) == (0.25, (0.25, 0.25))
    assert "| better | 1.00 |" in page(tmp_path)


def test_without_a_finished_run_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"expected DATA/VARIANT/SEED/evaluation\.json, found none"):
        page(tmp_path)
