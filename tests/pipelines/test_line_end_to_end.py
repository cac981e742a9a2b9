"""The whole line on a small sample: through ``make run`` (DVC), through Kubeflow's local runner, and killed.

The clone uses this environment; installing one is what ``make`` does before it comes here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest
import yaml

from components.command import ports, step_function
from components.params import STEPS
from region_heads.tasks import TASK_NAMES
from tests.pipelines.conftest import DvcStage

pytestmark = pytest.mark.slow

SMALL: dict[str, dict[str, Any]] = {
    "sample_data": {"scenes": 24},
    "finetune": {"epochs": 1, "evaluations": 1},
    "evaluate": {"resamples": 200},
    "visualize": {"max_questions": 12},
}


class Clone:
    """A copy of the repository with small settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set(self, section: str, **values: Any) -> None:
        """Changes ``params.yaml``."""
        file = self.folder / "params.yaml"
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        content[section] |= values
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Starts a command in a process group of its own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "DVC_"))}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kills a started command with all its children, and waits until the system has forgotten them."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        until = time.monotonic() + 60
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(process.pid, 0)  # DVC takes a dead process for a living one as long as this works
                time.sleep(0.1)

    def run(self, *command: str) -> str:
        """Runs a command to its end and returns what it printed."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
        return output

    def make_run(self) -> str:
        """``make run``, without the installation."""
        return self.run("make", "-o", ".venv/.ready", "run")


@pytest.fixture(scope="module")
def clone(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("clone")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(command, cwd=repository, text=True).split("\0"):
        if name and (repository / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / ".venv").symlink_to(sys.prefix)
    made = Clone(folder)
    made.run("git", "init", "--quiet")
    made.run("git", "add", "--all")
    made.run("git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "Clone")
    for section, values in SMALL.items():
        made.set(section, **values)
    return made


@pytest.fixture(scope="module")
def first_run(clone: Clone) -> str:
    return clone.make_run()


def _ran(output: str) -> list[str]:
    """The steps that ran, in their order; a line about one that did not run goes on behind a colon."""
    return re.findall(r"^\d+/\d+ (\w+)(?:;.*)?$", output, flags=re.MULTILINE)


def _address(output: str) -> Path:
    found = re.search(r"Report: (file://\S+)", output)
    assert found, output
    return Path(unquote(urlsplit(found[1]).path))


def test_one_command_runs_every_step_and_says_where_to_look(clone: Clone, first_run: str) -> None:
    assert _ran(first_run) == list(STEPS)
    evaluation = json.loads((clone.folder / "metrics" / "evaluation.json").read_text())
    assert set(evaluation["tasks"]) == set(TASK_NAMES)
    for task in evaluation["tasks"].values():
        assert task["n"] > 0
        assert {"accuracy", "ci95", "baseline"} <= set(task)
    summary = first_run.rsplit("Test split, official rule", 1)[1]
    assert all(name in summary for name in [*TASK_NAMES, "S1"])
    assert "<html" in _address(summary).read_text(encoding="utf-8")[:500].lower()
    assert f"mlflow ui --backend-store-uri sqlite:///{clone.folder}/mlflow.db" in summary


def test_git_sees_nothing_but_the_settings_and_dvcs_lock(clone: Clone, first_run: str) -> None:
    assert first_run
    changed = clone.run("git", "status", "--porcelain").split()
    assert set(changed[1::2]) == {"params.yaml", "dvc.lock"}


def test_a_second_run_runs_nothing_and_says_so(clone: Clone, first_run: str) -> None:
    assert first_run
    output = clone.make_run()
    assert _ran(output) == []
    assert "Nothing has changed since the last run." in output
    assert "S1" in output


def test_kubeflow_makes_the_same_tables(clone: Clone, first_run: str) -> None:
    assert first_run
    output = clone.run(sys.executable, "-m", "region_heads", "pipeline", "run")
    assert "<html" in _address(output).read_text(encoding="utf-8")[:500].lower()
    ports = dict(re.findall(r"^(\S+\.\S+) +(local_outputs/\S+)$", output, flags=re.MULTILINE))
    by_kubeflow = {port: clone.folder / path for port, path in ports.items()}
    for port, path in {
        "validate.records": "data/records.parquet",
        "tag-tasks.tagged": "data/tagged.parquet",
        "split.splits": "data/splits",
    }.items():
        for ours, theirs in _tables(clone.folder / path, by_kubeflow[port]):
            assert ours.equals(theirs), port
    predictions = pq.read_table(by_kubeflow["evaluate.predictions"])
    assert predictions["id"].equals(pq.read_table(clone.folder / "data/predictions.parquet")["id"])
    assert json.loads(by_kubeflow["promote.promotion"].read_text())["sentence"]


def _tables(ours: Path, theirs: Path) -> Iterator[tuple[Any, Any]]:
    if ours.is_dir():
        assert sorted(path.name for path in ours.iterdir()) == sorted(path.name for path in theirs.iterdir())
        for path in ours.glob("*.parquet"):
            yield pq.read_table(path), pq.read_table(theirs / path.name)
    else:
        yield pq.read_table(ours), pq.read_table(theirs)


def test_killed_training_leaves_nothing_half_done_and_goes_on_where_it_was(clone: Clone, first_run: str) -> None:
    assert first_run
    clone.set("finetune", epochs=6, checkpoints=3)
    line = clone.start("make", "-o", ".venv/.ready", "run")
    try:
        until = time.monotonic() + 300
        while not list(clone.folder.glob("checkpoints/*/checkpoint-*/seal.json")):
            assert line.poll() is None, line.communicate()[0]
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        clone.kill(line)
    assert not (clone.folder / "models" / "region_heads").exists()
    output = clone.make_run()
    assert _ran(output) == ["finetune", "evaluate", "visualize", "register", "promote"]
    assert "resuming from checkpoints/" in output
    assert not list((clone.folder / "checkpoints").glob("*/checkpoint-*"))
    leftovers = [path for path in clone.folder.rglob("*.partial") if ".venv" not in path.parts]
    assert not leftovers


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_is_killed_leaves_nothing_half_written(
    clone: Clone, first_run: str, dvc_stages: dict[str, DvcStage], tmp_path: Path, step: str
) -> None:
    """Killed in the middle and at the end of its work, each output is whole or absent; then it runs through."""
    assert first_run
    stage, directions = dvc_stages[step], ports(step_function(step))
    outputs = {name: tmp_path / path for name, path in stage.options.items() if directions[name] == "output"}
    command = [sys.executable, "-m", "components", stage.step]
    for name, option in (stage.options | {name: str(path) for name, path in outputs.items()}).items():
        command += [f"--{name.replace('_', '-')}", option]
    started = time.monotonic()
    clone.run(*command)
    seconds = time.monotonic() - started
    whole = {name: _size(path) for name, path in outputs.items()}
    for share in (0.5, 0.95):
        for path in outputs.values():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        process = clone.start(*command)
        time.sleep(share * seconds)
        clone.kill(process)
        for name, path in outputs.items():
            assert not path.exists() or _size(path) == whole[name], (name, share)
    clone.run(*command)
    assert {name: _size(path) for name, path in outputs.items()} == whole
    assert not list(tmp_path.rglob("*.partial"))


def _size(path: Path) -> int:
    """Rows, files, keys or lines: what tells a whole output from a part, but not one run from another."""
    if path.is_dir():
        return sum(1 for file in path.rglob("*") if file.is_file())
    content = path.read_bytes()
    if content.startswith(b"PAR1"):
        return int(pq.read_table(path).num_rows)
    if path.suffix == ".json":
        return len(json.loads(content))
    if path.suffix == ".html":
        return content.count(b"</html>")
    return content.count(b"\n")


def test_the_registered_model_is_served(clone: Clone, first_run: str) -> None:
    assert first_run
    question = pq.read_table(clone.folder / "data" / "splits" / "test.parquet").slice(0, 1).to_pylist()[0]
    picture = clone.folder / "data" / "sample" / question["image"]
    another = next(path for path in clone.folder.glob("data/sample/train/images/*") if path.parent != picture.parent)
    sample = picture.parents[1]
    depth = (clone.folder / "data" / "sample" / question["depth"]).relative_to(sample)
    record = {
        "question": question["question"], "image": f"images/{picture.name}", "depth": str(depth),
        "regions": question["rle"],
    }  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--model", "models:/region-heads/1", "--images", str(sample), "--port", str(port)]
    server = clone.start(sys.executable, "-m", "region_heads", "serve", *options)
    try:
        answer = _ask(port, record, patience=120)
        assert answer["task"] == question["task"]
        assert answer["sentence"]
        with pytest.raises(urllib.error.HTTPError, match="422"):
            _ask(port, record | {"depth": None})
        assert _ask(port, record | {"depth": None, "without_depth": True})["task"] == question["task"]
        with pytest.raises(urllib.error.HTTPError, match="422"):
            _ask(port, record | {"image": str(another)})
    finally:
        clone.kill(server)


def _ask(port: int, record: dict[str, Any], *, patience: float = 0) -> Any:
    until = time.monotonic() + patience
    while True:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/answers",
            data=json.dumps(record).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code != 503:  # the model is still being loaded
                raise
            time.sleep(0.5)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def test_sources_from_an_archive_run_without_a_git_repository(clone: Clone, tmp_path: Path) -> None:
    """DVC refuses to work outside a repository unless its settings say that there is none; a later one counts."""
    shutil.copytree(clone.folder, tmp_path / "sources", ignore=shutil.ignore_patterns(".git", ".venv", "data"))
    sources = Clone(tmp_path / "sources")
    (sources.folder / ".venv").symlink_to(sys.prefix)
    settings = sources.folder / ".dvc" / "config.local"
    sources.run("make", "-o", ".venv/.ready", "scm")
    assert "Running stage 'promote'" in sources.run(".venv/bin/dvc", "repro", "--dry", "--force")
    sources.run("git", "init", "--quiet")
    sources.run("make", "-o", ".venv/.ready", "scm")
    assert "no_scm" not in settings.read_text()
