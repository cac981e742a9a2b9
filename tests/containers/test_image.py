"""The CPU image: what it can, and what is not in it."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

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
        (("python3", "-c", "import deepspeed, psycopg2, boto3, dvc_s3, flask_wtf; print('all there')"), "all there"),
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


def _about(engine: Engine) -> dict[str, Any]:
    inspected = subprocess.run(
        ["podman", "image", "inspect", engine.image],
        env=os.environ | engine.environment,
        capture_output=True,
        check=True,
    )
    (about,) = json.loads(inspected.stdout)
    return dict(about)


def test_nothing_of_the_building_machine_stays(engine: Engine) -> None:
    about = _about(engine)
    assert not any(entry.startswith(("PIP_", "SSL_")) for entry in about["Config"]["Env"])
    assert engine.run("cat", "/etc/pip.conf").stdout == ""
    assert engine.run("find", "/opt", "/tmp", "-name", "*.whl").stdout == ""
    assert "find-links" not in json.dumps(about["History"])


def test_it_knows_its_commit_version_and_licence(engine: Engine, repository: Path) -> None:
    command = ["git", "log", "-1", "--format=%H %cI"]
    commit = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.split()
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    labels = {name.rpartition(".")[2]: value for name, value in _about(engine)["Labels"].items()}
    wanted = dict(zip(("revision", "created"), commit, strict=True))
    wanted |= {"version": project["version"], "licenses": project["license"], "description": project["description"]}
    assert labels.items() >= wanted.items()
    assert engine.run("printenv", "REGION_HEADS_REVISION").stdout.strip() == commit[0]


def test_the_bill_of_materials_names_every_package_with_its_version(engine: Engine) -> None:
    code = "from importlib.metadata import distributions as all; print(*(f'{d.name}=={d.version}' for d in all()))"
    installed = set(engine.run("/opt/venv/bin/python3", "-I", "-c", code).stdout.split())
    bill = json.loads(engine.run("cat", "/opt/venv/sbom.cdx.json").stdout)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "region-heads"
    assert {f"{one['name']}=={one['version']}" for one in bill["components"]} == installed
    assert len(installed) > 100


def test_no_file_of_a_layer_carries_the_time_of_the_build(engine: Engine) -> None:
    """What the layers' digests would change with: times of files, and those within Python's compiled files."""
    assert engine.run("find", "/opt", "/etc/profile.d", "-newermt", "1980-01-03").stdout == ""
    code = (
        "import pathlib; found = list(pathlib.Path('/opt/venv').rglob('*.pyc')); "
        "print(len(found), [str(one) for one in found if one.read_bytes()[4] == 0])"
    )
    number, timed = engine.run("python3", "-c", code).stdout.split(maxsplit=1)
    assert int(number) > 1000
    assert timed.strip() == "[]"
