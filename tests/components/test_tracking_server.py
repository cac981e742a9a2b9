"""The line on a tracking server: MLflow on PostgreSQL, artifacts through the server, and a server that goes away."""

from __future__ import annotations

import contextlib
import csv
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from components.evaluate.step import run as evaluate
from components.finetune.step import run as finetune
from components.promote.step import run as promote
from components.register.step import run as register
from region_heads.evaluation.settings import Params as EvaluateParams
from region_heads.registry.champion import CHALLENGER, CHAMPION, version_of
from region_heads.registry.promotion import moves
from region_heads.registry.promotion.moves import history, promote_by_hand, rollback
from region_heads.registry.promotion.settings import Params as PromoteParams
from region_heads.registry.registration.settings import Params as RegisterParams
from region_heads.registry.tracking import connect
from region_heads.settings import DatasetParams, SourceParams, TrackingParams
from region_heads.training.settings import Params as FinetuneParams
from tests.components.conftest import RECORDS
from tests.postgres import TrackingServer, postgres
from tests.region_heads.files.written_files import validation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    folder = tmp_path_factory.mktemp("tracking")
    with postgres(folder) as database:
        server = TrackingServer(database, folder)
        server.start()
        yield server
        server.kill()


@pytest.fixture
def tracking(server: TrackingServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> TrackingParams:
    """An experiment and a model of the test's own on the server."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.delenv(name, raising=False)
    name = request.node.name.replace("[", "-").replace("]", "")[-60:]
    return TrackingParams(uri=server.uri, experiment=name, model_name=name)


class Line:
    """The steps from finetune to promote on the miniature data set."""

    def __init__(self, folder: Path, splits: Path, dataset: Path, tracking: TrackingParams) -> None:
        self.folder, self.splits, self.dataset, self.tracking = folder, splits, dataset, tracking
        (folder / "validation").write_text(json.dumps(validation(records=RECORDS)))

    def train(self, epochs: int = 2) -> dict[str, Any]:
        finetune(
            splits=self.splits, dataset=self.dataset, model=self.folder / "model", curves=self.folder / "curves",
            finetune=FinetuneParams(
                epochs=epochs, evaluations=1, images_per_batch=4, checkpoint_folder=str(self.folder / "checkpoints")
            ),
            data=DatasetParams(), tracking=self.tracking,
        )  # fmt: skip
        content: dict[str, Any] = json.loads((self.folder / "model" / "training.json").read_text())
        return content

    def judge(self) -> dict[str, Any]:
        evaluate(
            model=self.folder / "model", splits=self.splits, dataset=self.dataset,
            predictions=self.folder / "predictions", evaluation=self.folder / "evaluation",
            evaluate=EvaluateParams(resamples=200), data=DatasetParams(), tracking=self.tracking,
        )  # fmt: skip
        return self._read("evaluation")

    def register(self) -> dict[str, Any]:
        register(
            model=self.folder / "model", evaluation=self.folder / "evaluation", splits=self.splits,
            registration=self.folder / "registration", register=RegisterParams(),
            source=SourceParams(), tracking=self.tracking,
        )  # fmt: skip
        return self._read("registration")

    def promote(self) -> dict[str, Any]:
        promote(
            registration=self.folder / "registration", evaluation=self.folder / "evaluation",
            validation=self.folder / "validation", promotion=self.folder / "promotion",
            verdict=self.folder / "verdict", tracking=self.tracking,
            promote=PromoteParams(min_score=0, min_accuracy=0, min_questions=1),
        )  # fmt: skip
        return self._read("promotion")

    def curve_values(self) -> int:
        with (self.folder / "curves").open() as file:
            return sum(1 for _ in csv.DictReader(file))

    def _read(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name).read_text())
        return content


@pytest.fixture
def line(tmp_path: Path, splits: Path, dataset: Path, tracking: TrackingParams) -> Line:
    return Line(tmp_path, splits, dataset, tracking)


def _logged(client: MlflowClient, run_id: str) -> int:
    run = client.get_run(run_id)
    return sum(len(client.get_metric_history(run_id, key)) for key in run.data.metrics if not key.startswith("test/"))


def test_runs_artifacts_versions_and_champion_live_on_the_server(line: Line, server: TrackingServer) -> None:
    about = line.train()
    assert about["undelivered"] is None
    line.judge()
    registered = line.register()
    verdict = line.promote()
    client = connect(line.tracking)

    run = client.get_run(about["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/"), "clients know no place of the artifacts"
    assert _logged(client, run.info.run_id) == line.curve_values()
    assert run.data.params["finetune.epochs"] == "2.0"
    used = {one.dataset.name: (one.tags[0].value, one.dataset.digest) for one in run.inputs.dataset_inputs}
    revision = registered["tags"]["data_revision"]
    assert used == {"splits/train": ("training", revision), "splits/test": ("evaluation", revision)}
    logged = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"evaluation.json", "promotion.json", "promotion.md"} <= logged
    assert list(server.artifacts.rglob("model.safetensors")), "the server keeps the weights"

    version = client.get_model_version(line.tracking.model_name, registered["version"])
    assert version.tags["gate"] == ("passed" if verdict["promoted"] else "refused")
    assert version.tags["gate_sentence"] == verdict["sentence"]
    assert [event.reason for event in history(line.tracking)] == [verdict["sentence"]]
    assert version_of(client, line.tracking.model_name, CHALLENGER) is not None

    promote_by_hand(line.tracking, registered["version"], reason="For the test of loading.")
    mlflow.set_tracking_uri(line.tracking.uri)
    model = mlflow.pyfunc.load_model(f"models:/{line.tracking.model_name}@champion")
    row = pq.read_table(line.splits / "test.parquet").to_pylist()[0]
    question = {"question": row["question"], "image": str(line.dataset / row["image"]), "regions": row["rle"]}
    (answer,) = model.predict([question | {"task": "distance"}]).to_dict(orient="records")
    assert answer["unit"] == "m"
    assert line.judge()["champion"]["version"] == registered["version"], "the champion is fetched through the server"


def _promote(uri: str, name: str, version: str) -> None:
    moves.promotion_lock = lambda *_: contextlib.nullcontext()  # type: ignore[assignment]  # the history holds alone
    promote_by_hand(TrackingParams(uri=uri, model_name=name), version, reason=f"Process for {version}.")


def test_promotions_at_the_same_time_follow_each_other_on_postgresql(tracking: TrackingParams) -> None:
    client = connect(tracking)
    client.create_registered_model(tracking.model_name)
    run = client.create_run(client.create_experiment(tracking.experiment)).info
    source = f"{run.artifact_uri}/model"
    versions = [
        str(client.create_model_version(tracking.model_name, source=source, run_id=run.run_id).version)
        for _ in range(6)
    ]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["region_heads.registry.promotion.moves", "mlflow"])
    started = [context.Process(target=_promote, args=(tracking.uri, tracking.model_name, v)) for v in versions]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * 6
    events = [event for event in history(tracking) if event.event != "completed"]  # an alias set for another
    assert sorted(event.version for event in events) == versions
    assert [event.previous for event in events] == [None, *(event.version for event in events[:-1])]
    back = rollback(tracking, reason="It is worse.")
    champion = version_of(client, tracking.model_name, CHAMPION)
    assert champion is not None
    assert str(champion.version) == back.version == events[-2].version


def test_a_training_without_its_server_is_recorded_by_the_next_step_that_reaches_it(
    line: Line, server: TrackingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.kill()
    try:
        about = line.train()
        told = capsys.readouterr().out
    finally:
        server.start()
    assert "Training continues; its curves are sent once MLflow answers." in told
    values = line.curve_values()
    assert f"has no run in MLflow: {values} values of its curves and its settings were not recorded" in told
    assert about["mlflow_run_id"] is None
    assert len(about["undelivered"]["samples"]) == values

    run_id = line.judge()["run_id"]
    assert line.judge()["run_id"] == run_id, "delivered once"
    client = connect(line.tracking)
    assert _logged(client, run_id) == values
    run = client.get_run(run_id)
    assert run.data.params["finetune.epochs"] == "2.0"
    assert (run.info.run_name, run.info.status) == ("tiny, 2 epochs, seed 0", "FINISHED")
    assert "A run is a training" in client.get_experiment(run.info.experiment_id).tags["mlflow.note.content"]
    assert line.register()["run_id"] == run_id


def test_a_server_that_goes_away_during_training_loses_nothing(
    line: Line, server: TrackingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    client = connect(line.tracking)

    def strike() -> None:
        """Kills the server once the run has its second values: then the first ones were acknowledged."""
        seen = set()
        for _ in range(600):
            experiment = client.get_experiment_by_name(line.tracking.experiment)
            runs = client.search_runs([experiment.experiment_id]) if experiment else []
            seen |= {len(client.get_metric_history(run.info.run_id, "loss")) for run in runs}
            if len(seen - {0}) > 1:
                server.kill()
                return
            time.sleep(0.1)

    watcher = threading.Thread(target=strike)
    watcher.start()
    try:
        about = line.train(epochs=90)
    finally:
        watcher.join()
        server.start()
    assert "is not closed in run" in capsys.readouterr().out
    assert 0 < len(about["undelivered"]["samples"]) < line.curve_values()
    assert line.judge()["run_id"] == about["mlflow_run_id"]
    assert _logged(client, about["mlflow_run_id"]) == line.curve_values()
    assert client.get_run(about["mlflow_run_id"]).info.status == "FINISHED"
