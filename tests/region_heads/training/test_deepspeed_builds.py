"""Builds of DeepSpeed's operators: a mark whose builder is gone stops nobody, a living builder is waited for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import cpp_extension
from torch.utils.file_baton import FileBaton

from region_heads.training.deepspeed_builds import guard_builds


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of extensions that were built, by PyTorch's own way there but for the compiler."""
    names: list[str] = []
    monkeypatch.setattr(cpp_extension, "FileBaton", FileBaton)
    monkeypatch.setattr(
        cpp_extension, "_write_ninja_file_and_build_library", lambda name, **_others: names.append(name)
    )
    monkeypatch.setattr(cpp_extension, "_import_module_from_library", lambda *_: None)
    guard_builds()
    return names


def load(folder: Path) -> None:
    cpp_extension.load(name="operator", sources=[], build_directory=str(folder))


def test_the_mark_of_a_builder_that_was_killed_is_removed_and_reported(
    built: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lock").touch()
    load(tmp_path)
    assert len(built) == 1
    assert f"{tmp_path}/lock: removed" in capsys.readouterr().out
    assert not (tmp_path / "lock").exists()


def test_a_living_builder_is_waited_for_and_one_that_is_killed_meanwhile_is_not(
    built: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a builder without our lock: PyTorch holds its mark open while it builds."""
    monkeypatch.setattr("region_heads.training.deepspeed_builds._PATIENCE", 0.2)
    code = (
        "import os, sys, time; os.open(sys.argv[1], os.O_CREAT | os.O_EXCL); print('builds', flush=True);"
        "time.sleep(1); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "builds\n"
        load(tmp_path)
        assert builder.wait(10) == -9
    told = capsys.readouterr().out
    assert "this run waits for it" in told
    assert "the process that was building" in told
    assert len(built) == 1
