"""A step or command in a place where nothing can be done says so in words, before anything is done."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from components.command import main as run_step
from components.params import STEPS
from region_heads.cli.main import main as run_command
from tests.pipelines.conftest import DvcStage
from tests.pipelines.faults.conftest import PARAMS, Line
from tests.pipelines.faults.faults import WORDS_OF_A_FAULT_OF_OURS, outcome


@pytest.mark.parametrize("step", [step for step in STEPS if step != "sample_data"])
def test_a_step_without_its_inputs_names_one_and_leaves_nothing(
    step: str, dvc_stages: dict[str, DvcStage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(tmp_path)
    bare = Line(tmp_path, dvc_stages)
    code, said = outcome(lambda: bare.run(step), capsys)
    assert not [word for word in WORDS_OF_A_FAULT_OF_OURS if word in said], said
    assert code == 1
    assert any(str(path.relative_to(tmp_path)) in said for path in bare.paths(step, "input")), said
    assert not [path for path in bare.paths(step, "output") if path.exists()]


@pytest.mark.parametrize(
    "words",
    [["tag", "questions.jsonl"], ["serve"], ["pipeline", "compile"], ["registry", "history"], ["validate", "data"]],
)
def test_a_working_folder_that_was_deleted_is_reported_before_anything_is_done(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deleted").mkdir()
    monkeypatch.chdir(tmp_path / "deleted")
    (tmp_path / "deleted").rmdir()
    monkeypatch.setattr(sys, "argv", ["region-heads", *words])
    for call in (run_command, lambda: run_step("tag_tasks", [])):
        code, said = outcome(call, capsys)
        assert (code, said.count("\n")) == (1, 1)
        assert "the working folder was deleted or moved; change into another" in said


def test_a_user_without_a_home_folder_is_reported_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(_: int) -> object:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr(sys, "argv", ["region-heads", "registry", "history"])
    code, said = outcome(run_command, capsys)
    assert code == 1
    assert "expected a home folder, found none; set HOME" in said


def test_without_a_place_for_temporary_files_a_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("")
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "params.yaml")])
    monkeypatch.setattr(sys, "argv", ["region-heads", "pipeline", "compile", "--out", "pipeline.yaml"])
    code, said = outcome(run_command, capsys)
    assert code == 1
    assert "no folder for temporary files can be written to" in said
    assert "TMPDIR" in said
    assert not (tmp_path / "pipeline.yaml").exists()
