"""The step evaluate: a real, untrained model on a miniature test split."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.evaluate.step import run as evaluate
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.settings import Params
from region_heads.files.digests import folder_digest, model_digest
from region_heads.files.inputs import first_problem
from region_heads.files.step_files import Evaluation
from region_heads.files.tables import TableWriter
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.registry.tracking import connect
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.tasks import TASK_NAMES
from tests.components.conftest import RECORDS


def test_writes_predictions_and_figures_and_logs_them(
    tmp_path: Path,
    untrained_model: Path,
    splits: Path,
    dataset: Path,
    data: DatasetParams,
    tracking: TrackingParams,
) -> None:
    headline = evaluate(
        model=untrained_model,
        splits=splits,
        dataset=dataset,
        predictions=tmp_path / "predictions",
        evaluation=tmp_path / "evaluation",
        evaluate=Params(resamples=200),
        data=data,
        tracking=tracking,
    )

    predictions = pq.read_table(tmp_path / "predictions")
    assert predictions.schema.equals(PREDICTION_SCHEMA)
    assert predictions["id"].to_pylist() == pq.read_table(splits / "test.parquet")["id"].to_pylist()

    content = json.loads((tmp_path / "evaluation").read_text())
    assert set(content["tasks"]) == set(TASK_NAMES)
    assert content["champion"] is None
    assert headline["score"] == content["score"]
    for task in content["tasks"].values():
        assert task["n"] == 6
        assert task["ci95"][0] <= task["accuracy"] <= task["ci95"][1]
    assert content["wordings"]["seen"]["n"] + content["wordings"]["novel"]["n"] == 24

    assert first_problem(content, Evaluation) is None
    assert content["model_digest"] == model_digest(untrained_model)
    assert content["training_splits_digest"] == content["splits_digest"] == folder_digest(splits)
    assert content["records_digest"] == RECORDS

    run = connect(tracking).get_run(content["run_id"])
    assert run.data.metrics["test/score"] == pytest.approx(content["score"])


def test_a_test_split_without_the_depth_of_training_is_refused_or_allowed_by_a_setting(
    tmp_path: Path, untrained_model: Path, splits: Path, dataset: Path, data: DatasetParams, tracking: TrackingParams
) -> None:
    model = shutil.copytree(untrained_model, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"depth_share": 1.0}))
    run = partial(
        evaluate, model=model, splits=splits, dataset=dataset, predictions=tmp_path / "predictions",
        evaluation=tmp_path / "evaluation", data=data, tracking=tracking,
    )  # fmt: skip
    with pytest.raises(RegionHeadsError, match=r"expected depth images, which 100% .*setting without_depth"):
        run(evaluate=Params(resamples=200))
    assert not (tmp_path / "evaluation").exists()
    assert run(evaluate=Params(resamples=200, without_depth=True))["score"] >= 0


def test_a_folder_without_a_model_is_a_clear_error(
    tmp_path: Path, splits: Path, dataset: Path, data: DatasetParams, tracking: TrackingParams
) -> None:
    with pytest.raises(RegionHeadsError, match=r"no config\.json; run the step finetune"):
        evaluate(
            model=tmp_path,
            splits=splits,
            dataset=dataset,
            predictions=tmp_path / "predictions",
            evaluation=tmp_path / "evaluation",
            evaluate=Params(),
            data=data,
            tracking=tracking,
        )
    assert not (tmp_path / "evaluation").exists()


def test_tables_of_different_records_are_no_splits(
    tmp_path: Path, untrained_model: Path, splits: Path, dataset: Path, data: DatasetParams, tracking: TrackingParams
) -> None:
    shutil.copytree(splits, tmp_path / "splits")
    with TableWriter(tmp_path / "splits" / "test.parquet", SPLIT_SCHEMA, records="others") as writer:
        for batch in pq.read_table(splits / "test.parquet").to_batches():
            writer.add(batch)
    with pytest.raises(
        RegionHeadsError, match=r"test\.parquet: .* same records as .*train\.parquet .* \(others\); run"
    ):
        evaluate(
            model=untrained_model, splits=tmp_path / "splits", dataset=dataset, predictions=tmp_path / "predictions",
            evaluation=tmp_path / "evaluation", evaluate=Params(), data=data, tracking=tracking,
        )  # fmt: skip
