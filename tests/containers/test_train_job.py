"""A TrainJob of two nodes as two containers that find each other by name: the weights of a single process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from region_heads.errors import RegionHeadsError
from tests.components.finetune.train_job_run import assert_same_training, train
from tests.containers.conftest import Engine

pytestmark = pytest.mark.slow

# Nothing listens there: what MLflow does not get lies beside the model, and the training goes on.
AWAY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _engine(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in engine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))  # below it Kubeflow's client keeps a job's folder


def containers(engine: Engine) -> list[str]:
    """Names of all containers and networks of jobs, running or not."""
    listed = [
        subprocess.run(["podman", *command], env=engine.environment, capture_output=True, text=True, check=True).stdout
        for command in (["ps", "--all", "--format", "{{.Names}}"], ["network", "ls", "--format", "{{.Name}}"])
    ]
    return [name for names in listed for name in names.split() if name.startswith("finetune-")]


def test_two_nodes_learn_what_one_process_learns(
    engine: Engine, table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(table, image_folder, tmp_path / "start", learning_rate=1e-12)
    train(table, image_folder, tmp_path / "one", images_per_batch=2)
    capfd.readouterr()
    job = {"backend": "containers", "image": engine.environment["REGION_HEADS_IMAGE"]}
    train(table, image_folder, tmp_path / "two", nodes=2, train_job=job, tracking=AWAY)
    assert_same_training(tmp_path / "two", tmp_path / "one", tmp_path / "start")
    log = capfd.readouterr().out
    assert "(containers, 2 nodes x 1), try 1" in log
    assert "trained " in log, "the first node's log is the step's"
    assert not containers(engine)
    assert not list(tmp_path.glob(".kubeflow/trainer/containers/*"))


def test_what_a_node_says_ends_the_step_and_both_nodes(
    engine: Engine, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    job = {"backend": "containers", "image": engine.environment["REGION_HEADS_IMAGE"]}
    with pytest.raises(RegionHeadsError, match=r"rank \d gave up: .*training stopped before step"):
        train(table, image_folder, tmp_path, nodes=2, learning_rate=1e30, checkpoints=0, train_job=job, tracking=AWAY)
    assert not containers(engine)
