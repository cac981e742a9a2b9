"""Runs are opened or joined; who opened a run closes it."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from components.sections import TrackingParams
from components.tracking import connect, tracking_run, tracking_uri
from region_heads.errors import RegionHeadsError


def test_a_run_is_opened_joined_and_left_as_it_was_found(
    tracking: TrackingParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracking_run(tracking, name="finetune") as run:
        first = run.info.run_id
        mlflow.log_text("kept", "note.txt")
    assert list((tmp_path / "mlartifacts").rglob("note.txt")), "artifacts lie beside the database"

    with tracking_run(tracking, run_id=first, name="evaluate") as run:
        assert run.info.run_id == first
        mlflow.log_metric("score", 0.5)
    client = connect(tracking)
    assert client.get_run(first).info.status == "FINISHED"

    # A pipeline's run goes on after the step, also when the step fails.
    pipeline = client.create_run(client.get_run(first).info.experiment_id).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", pipeline)
    with pytest.raises(ZeroDivisionError), tracking_run(tracking, name="evaluate") as run:
        assert run.info.run_id == pipeline
        raise ZeroDivisionError
    assert client.get_run(pipeline).info.status == "RUNNING"
    assert os.environ["MLFLOW_RUN_ID"] == pipeline
    assert "MLFLOW_TRACKING_URI" not in os.environ
    monkeypatch.delenv("MLFLOW_RUN_ID")

    # A model from another machine names a run that this store does not know.
    with tracking_run(tracking, run_id="0" * 32, name="evaluate") as run:
        assert run.data.tags["region_heads.source_run_id"] == "0" * 32


def test_the_environment_wins_and_relative_paths_stay_where_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(TrackingParams()) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    assert tracking_uri(TrackingParams()) == "https://mlflow.example"


def test_an_unusable_store_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RegionHeadsError, match=r"MLflow at mlruns: not usable .* check tracking\.uri"):
        connect(TrackingParams(uri="mlruns"))
