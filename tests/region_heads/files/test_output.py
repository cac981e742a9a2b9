"""An output appears whole or not at all, whatever happens to the one who writes it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError, explain
from region_heads.files.output import whole_file, whole_folder, write_json

Writer = Callable[[Path], AbstractContextManager[Path]]

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from region_heads.files.output import {kind}
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
def test_an_error_leaves_what_was_there(tmp_path: Path, writer: Writer) -> None:
    target = tmp_path / "out"
    before = target / "file" if writer is whole_folder else target
    write_json(before, {"kept": True})
    with pytest.raises(ZeroDivisionError), writer(target):
        raise ZeroDivisionError
    assert _names(tmp_path) == ["out"]
    assert "kept" in before.read_text()


@pytest.mark.parametrize(("kind", "write"), [("whole_file", WRITE_FILE), ("whole_folder", WRITE_FOLDER)])
@pytest.mark.parametrize("writer", [whole_file, whole_folder])
def test_a_killed_writer_leaves_no_output_and_the_next_one_cleans_up(
    tmp_path: Path, kind: str, write: str, writer: Writer
) -> None:
    target = tmp_path / "out"
    _kill_while_writing(kind, write, target)
    assert not target.exists()
    assert len(_names(tmp_path)) == 1  # the unfinished one, under its own name
    with writer(target) as partial:
        (partial / "whole" if partial.is_dir() else partial).touch()
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["out", "out.csv"])
def test_what_a_living_writer_writes_is_left_alone_whatever_its_process_is_called(tmp_path: Path, name: str) -> None:
    """Nothing is told from a process's number: in a container every step is process 1."""
    target = tmp_path / "out"
    with whole_file(tmp_path / name) as other:
        other.write_text("other")
        write_json(target, {})
        assert other.read_text() == "other"
    assert (tmp_path / name).read_text() == "other"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with whole_file(target) as first, whole_file(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize(("kind", "write"), [("whole_file", WRITE_FILE), ("whole_folder", WRITE_FOLDER)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_half_written(tmp_path: Path, kind: str, write: str, number: signal.Signals) -> None:
    code = f"""
from region_heads.console.boundary import in_words
with in_words("step"):
{textwrap.indent(KILLED_WRITER.format(kind=kind, write=write).replace("SIGKILL", number.name), "    ")}
"""
    words = [sys.executable, "-c", code, str(tmp_path / "out")]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (128 + number, False)
    assert _names(tmp_path) == []


def test_a_folder_in_place_of_a_file_and_the_reverse_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    with pytest.raises(RegionHeadsError, match="expected a file or nothing, found a folder"):
        whole_file(tmp_path / "folder").__enter__()
    with pytest.raises(RegionHeadsError, match="expected a folder or nothing, found a file"):
        whole_folder(tmp_path / "file").__enter__()
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_around_this_process_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    for target in (Path(), Path(".."), tmp_path, Path("/")):
        with pytest.raises(RegionHeadsError, match="found one around this process"):
            whole_folder(target).__enter__()


def test_a_full_disk_is_reported_with_the_file_that_was_to_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space left") as raised,
        whole_file(tmp_path / "out") as partial,
        Path("/dev/full").open("w") as full,
    ):
        partial.write_text("half")
        full.write("half")
    assert explain(raised.value) == (
        f"{tmp_path}/out: the disk is full; make room, or choose another disk, and run this again"
    )
    assert _names(tmp_path) == []


def test_json_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "out", {"score": float("nan")})
    assert _names(tmp_path) == []
