"""The CPU image: what it can, and what is not in it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.containers.conftest import Engine

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("region-heads", "--help"), "Train, judge and serve"),
        (("region-heads", "serve", "--help"), "Answer questions over HTTP"),
        (("region-heads", "pipeline", "schedule", "--help"), "Create, update, pause or delete recurring"),
        (("python3", "-m", "components", "validate", "--help"), "--quarantine"),
        (("mlflow", "server", "--help"), "--artifacts-destination"),
        (("python3", "-c", "import deepspeed, psycopg2, boto3, dvc_s3; print('all there')"), "all there"),
    ],
)
def test_programs_run_with_a_read_only_root_and_without_rights(
    engine: Engine, command: tuple[str, ...], said: str
) -> None:
    done = engine.run(*command, options=("--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none"))
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_it_is_nobody_that_matters_and_can_write_to_tmp_alone(engine: Engine) -> None:
    assert engine.run("id", "-u").stdout.strip() == "65532"
    assert engine.run("touch", "/tmp/x").returncode == 0
    for place in ("/opt/region-heads/x", "/opt/venv/x", "/x"):
        writable = engine.run("sh", "-c", f"touch {place}", options=("--read-only=false",))
        assert "Permission denied" in writable.stderr, "not only the read-only root keeps it out"


@pytest.mark.parametrize("module", ["pytest", "mypy", "playwright", "pip"])
def test_neither_tests_nor_an_installer_are_in_it(engine: Engine, module: str) -> None:
    assert "No module named" in engine.run("python3", "-c", f"import {module}").stderr


def test_nothing_of_the_building_machine_stays(engine: Engine) -> None:
    inspected = subprocess.run(
        ["podman", "image", "inspect", engine.image],
        env=os.environ | engine.environment,
        capture_output=True,
        check=True,
    )
    (about,) = json.loads(inspected.stdout)
    assert not any(entry.startswith(("PIP_", "SSL_")) for entry in about["Config"]["Env"])
    assert engine.run("cat", "/etc/pip.conf").stdout == ""
    assert engine.run("find", "/opt", "/tmp", "-name", "*.whl").stdout == ""
    assert "find-links" not in json.dumps(about["History"])


def test_it_knows_its_revision(engine: Engine, repository: Path) -> None:
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert engine.run("printenv", "REGION_HEADS_REVISION").stdout.strip() == revision
