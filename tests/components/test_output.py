"""An output appears whole or not at all, whatever happens to the one who writes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.output import whole_file, whole_folder, write_json

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from components.output import {kind}
with {kind}(Path(sys.argv[1])) as partial:
    {write}
    os.kill(os.getpid(), signal.SIGKILL)
"""
WRITE_FILE = "partial.write_text('half')"
WRITE_FOLDER = "(partial / 'a').write_text('half')"


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _kill_while_writing(kind: str, write: str, target: Path) -> None:
    code = KILLED_WRITER.format(kind=kind, write=write)
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with whole_file(target) as partial:
        partial.write_text("content")
        assert not target.exists()
    assert target.read_text() == "content"
    assert _names(target.parent) == ["file"]


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with whole_folder(target) as partial:
        (partial / "new").touch()
        assert _names(target) == ["old"]
    assert _names(target) == ["new"]


@pytest.mark.parametrize("writer", [whole_file, whole_folder])
def test_an_error_leaves_what_was_there(tmp_path: Path, writer: object) -> None:
    target = tmp_path / "out"
    write_json(target, {"kept": True})
    with pytest.raises(ZeroDivisionError), writer(target):  # type: ignore[operator]  # either context manager
        raise ZeroDivisionError
    assert _names(tmp_path) == ["out"]
    assert "kept" in target.read_text()


@pytest.mark.parametrize(("kind", "write"), [("whole_file", WRITE_FILE), ("whole_folder", WRITE_FOLDER)])
def test_a_killed_writer_leaves_no_output_and_the_next_one_cleans_up(tmp_path: Path, kind: str, write: str) -> None:
    target = tmp_path / "out"
    _kill_while_writing(kind, write, target)
    assert not target.exists()
    assert len(_names(tmp_path)) == 1  # the unfinished one, under its own name
    write_json(target, {"whole": True})
    assert _names(tmp_path) == ["out"]


def test_what_a_living_writer_writes_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "out"
    other = tmp_path / f"out.{os.getppid()}.partial"
    other.touch()
    write_json(target, {})
    assert other.exists()


def test_json_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "out", {"score": float("nan")})
    assert _names(tmp_path) == []
