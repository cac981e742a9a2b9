"""``region-heads pipeline`` says what it lacks, and where the line must lie."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import Command


def test_compile_writes_the_pipeline(command: Command, params: Path, tmp_path: Path) -> None:
    result = command("pipeline", "compile", "--params", params, "--out", tmp_path / "out.yaml")
    assert result.code == 0
    assert (
        next(yaml.safe_load_all((tmp_path / "out.yaml").read_text()))["pipelineInfo"]["name"] == "region-heads-training"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit",), "KF_PIPELINES_ENDPOINT"),
        (("schedule", "nightly"), "--cron: expected six fields"),
        (("schedule", "nightly", "--cron", "0 3 * * *"), "--cron: expected six fields"),
        (("schedule", "nightly", "--delete", "--paused"), "expected no --cron, --paused or --dry-run"),
    ],
)
def test_what_a_pipeline_command_lacks_is_named(
    command: Command, params: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    result = command("pipeline", *words, "--params", params)
    assert result.code == 1
    assert said in result.err


def test_whose_clock_a_schedule_goes_by_is_said_where_it_is_written(command: Command, repository: Path) -> None:
    said = " ".join(command("pipeline", "schedule", "--help").out.replace("│", " ").split())
    assert "Times are UTC, unless Kubeflow's controller of schedules has CRON_SCHEDULE_TIMEZONE" in said
    assert "UTC" in (repository / "docs" / "gitops.md").read_text(encoding="utf-8")
    component = repository / "manifests" / "components" / "scheduled-retraining" / "schedules.yaml"
    assert "In UTC" in component.read_text(encoding="utf-8")


def test_where_the_line_does_not_lie_its_commands_say_so_and_others_work(tmp_path: Path, repository: Path) -> None:
    """The package alone, in a folder with another project's `pipelines`, of which nothing is run."""
    shutil.copytree(repository / "region_heads", tmp_path / "site" / "region_heads")
    (tmp_path / "pipelines").mkdir()
    for name in ("__init__", "command"):
        (tmp_path / "pipelines" / f"{name}.py").write_text("raise SystemExit('another project')")
    (tmp_path / "questions").write_text("How far is <mask> from <mask>?")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "region_heads", *words],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    for words in (("compile",), ("--help",)):
        done = run("pipeline", *words)
        said = "Error: region-heads pipeline: expected a folder with the line, as a clone"
        assert (done.returncode, done.stderr[: len(said)], done.stderr.count("\n")) == (1, said, 1)
    assert json.loads(run("tag", "questions").stdout)["task"] == "distance"
