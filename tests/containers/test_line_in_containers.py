"""The same definition in processes and in containers comes to the same figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.containers.conftest import Engine
from tests.pipelines.test_line_end_to_end import SMALL

pytestmark = pytest.mark.slow


def _run(folder: Path, runner: str, environment: dict[str, str]) -> tuple[Path, str]:
    """Runs the training pipeline; returns the folder of its outputs and what was printed."""
    params = folder / "params.yaml"
    params.write_text(yaml.safe_dump(SMALL | {"tracking": {"uri": f"sqlite:///{folder}/mlflow.db"}}))
    command = [
        sys.executable, "-m", "region_heads", "pipeline", "run", "--runner", runner, "--params", str(params),
        "--out", str(folder / runner),
    ]  # fmt: skip
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    done = subprocess.run(
        command, env=inherited | environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    (evaluate,) = (folder / runner).glob("*/*/evaluate")
    return evaluate.parent, done.stdout


def _judged(outputs: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((outputs / "evaluate" / "evaluation").read_text())
    return content


def test_containers_and_processes_agree(engine: Engine, tmp_path: Path) -> None:
    contained, printed = _run(tmp_path, "docker", engine.environment)
    separate, _ = _run(tmp_path, "subprocess", {})
    first, second = _judged(contained), _judged(separate)
    assert first["score"] == pytest.approx(second["score"], abs=0.02)
    for task, judged in first["tasks"].items():
        assert judged["n"] == second["tasks"][task]["n"]
        assert judged["accuracy"] == pytest.approx(second["tasks"][task]["accuracy"], abs=0.05)
    assert first["splits_digest"] == second["splits_digest"], "the data steps are exact"

    registration = json.loads((contained / "register" / "registration").read_text())
    assert registration["tags"]["image"] == engine.environment["REGION_HEADS_IMAGE"]
    assert "@sha256:" in registration["tags"]["image"]
    assert len(registration["tags"]["git_revision"]) == 40
    assert registration["tags"]["pipeline_run"]
    owners = {path.stat().st_uid for path in contained.rglob("*") if path.is_file()}
    assert owners == {65532}, "the tasks were not root"
    assert f"sqlite:///{tmp_path}/docker/mlflow/mlflow.db" in printed


def test_an_engine_that_is_away_is_reported(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("{}")
    command = [sys.executable, "-m", "region_heads", "pipeline", "run", "--runner", "docker", "--params", str(params)]
    done = subprocess.run(
        command, env=os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/none"}, cwd=tmp_path, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "expected a container engine at unix://" in done.stderr
    assert "Traceback" not in done.stderr
