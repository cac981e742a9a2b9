"""Whatever ends a step or a command is told in words, with an exit code that means something."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
import safetensors
import yaml

from region_heads.console.boundary import in_words
from region_heads.errors import RegionHeadsError


def _ended(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    with pytest.raises(SystemExit) as stopped, in_words("step"):
        raise error
    return stopped.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RegionHeadsError("expected one, found two"), 1, "step: expected one, found two\n"),
        (KeyboardInterrupt(), 130, "step: interrupted\n"),
        (FileNotFoundError(errno.ENOENT, "", "a/b"), 1, "step: a/b: no such file or folder\n"),
        (PermissionError(errno.EACCES, "", "a"), 1, "step: a: permission denied; "),
        (OSError(errno.EROFS, "", "a"), 1, "step: a: the file system is read-only; "),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "step: the disk is full; "),
        (OSError(errno.EADDRINUSE, "Address already in use"), 1, "step: the port is taken; choose another by --port"),
        (OSError("decoder jpeg not available"), 1, "step: decoder jpeg not available\n"),
        (MemoryError(), 1, "step: out of memory; "),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "step: out of memory; "),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), 1, "step: out of memory; "),
        (pa.ArrowInvalid("Parquet magic bytes not found"), 1, "step: a table is damaged or not what was expected; "),
        (yaml.YAMLError("odd"), 1, "step: not readable as YAML; "),
        (safetensors.SafetensorError("header too small"), 1, "step: weights are damaged or cut off; "),
        (safetensors.SafetensorError("No space left on device (os error 28)"), 1, "step: the disk is full; "),
        (RecursionError("maximum recursion depth exceeded"), 1, "step: nested too deeply to be read\n"),
        (ModuleNotFoundError("No module", name="gradio"), 1, "step: the package gradio is not installed; "),
        (UnicodeEncodeError("utf-8", "\udcff.png", 0, 1, "surrogates"), 1, r"found '\udcff.png'; rename it"),
    ],
)  # fmt: skip
def test_what_comes_from_outside_is_reported_in_words(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, words = _ended(error, capsys)
    assert found == code
    assert said in words
    assert "Traceback" not in words
    assert "fault of Region Heads" not in words


def test_a_full_disk_that_is_not_named_may_be_that_of_temporary_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/small/tmp")
    _, words = _ended(OSError(errno.ENOSPC, "No space left on device"), capsys)
    assert "the disk is full; make room" in words
    assert "temporary files in /small/tmp; TMPDIR names another folder" in words


def test_a_fault_of_ours_is_called_one_and_its_traceback_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, words = _ended(KeyError("grounding"), capsys)
    (log,) = tmp_path.iterdir()
    assert code == 1
    assert "this is a fault of Region Heads (KeyError: 'grounding')" in words
    assert str(log) in words
    assert "Traceback" not in words
    assert "Traceback" in log.read_text()


def test_what_a_library_does_not_take_is_said_to_be_the_library_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), in_words("step"):
        yaml.safe_load_all(7).__next__()  # type: ignore[call-overload]
    assert "the library yaml gave up" in capsys.readouterr().err


def test_developers_see_every_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REGION_HEADS_DEBUG", "1")
    code, words = _ended(MemoryError(), capsys)
    assert (code, "Traceback" in words) == (1, True)


def test_controls_that_came_with_the_data_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with in_words("step"):
        print("\x1b]0;title\x07 \x9b2J \u202e one\ttwo\rthree")
    assert capsys.readouterr().out == "\\x1b]0;title\\x07 \\x9b2J \\u202e one\ttwo\\x0dthree\n"
    assert str(RegionHeadsError("a\x1b[8m")) == "a\\x1b[8m"


PRINTS = """
import logging, os, sys
import typer
from region_heads.console.boundary import in_words
from region_heads.console.progress import progress_bar
from region_heads.console.terminal import plain_console
with in_words("step"):
    with progress_bar("doing", total=3, unit="things") as bar:
        for _ in range(3):
            print("\\u2713 \\x1b[2J \\udcff" * 2000)
            typer.echo("\\u2713 \\x1b[2J \\udcff")
            bar.advance(1)
    plain_console().print("[/odd] \\u2713 \\x1b[2J", style="bold")
    logging.getLogger("x").warning("\\u2713 \\udcff \\x1b[2J")
    os.write(3, b"done")
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_step_prints_what_the_terminal_cannot_show(encoding: str, tmp_path: Path) -> None:
    done, words = _prints(tmp_path, {"PYTHONIOENCODING": encoding}, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert words == "done"
    text = (done.stdout + done.stderr).decode(encoding)
    assert "\x1b" not in text
    assert "\\x1b[2J" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("out", ["/dev/full", "closed pipe", "closed"])
def test_no_step_ends_of_its_output(out: str, tmp_path: Path) -> None:
    if out == "closed pipe":
        reader, stdout = os.pipe()
        os.close(reader)
    else:
        stdout = Path("/dev/full").open("wb")  # noqa: SIM115
    closing = "exec >&- 2>&-;" if out == "closed" else ""
    done, words = _prints(tmp_path, {}, stdout=stdout, before=closing)
    assert (done.returncode, words) == (0, "done")
    assert b"Traceback" not in (done.stderr or b"")
    assert b"Exception ignored" not in (done.stderr or b"")


def _prints(
    folder: Path, environment: dict[str, str], *, stdout: object, before: str = ""
) -> tuple[subprocess.CompletedProcess[bytes], str]:
    (folder / "prints.py").write_text(PRINTS)
    script = f'{before} exec "$0" "$1" 3>"$2"'
    words = ["bash", "-c", script, sys.executable, str(folder / "prints.py"), str(folder / "done")]
    done = subprocess.run(
        words,
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},  # type: ignore[call-overload]
    )
    return done, (folder / "done").read_text()


def test_a_command_whose_output_is_lost_says_so_and_one_whose_reader_left_does_not(tmp_path: Path) -> None:
    (tmp_path / "questions").write_text("How far is <mask> from <mask>?\n" * 3)
    words = f'"{sys.executable}" -m region_heads tag "{tmp_path / "questions"}"'
    full = subprocess.run(["bash", "-c", f"{words} > /dev/full"], capture_output=True, text=True, check=False)
    assert (full.returncode, full.stderr[:48]) == (1, "Error: standard output: the disk is full; make r")
    done = subprocess.run(
        ["bash", "-c", f"yes 'Is <mask> left of <mask>?' | {words[: words.index(' tag ')]} tag - | head -n 1"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)["task"] == "left_right"
    assert done.stderr == ""


def test_a_name_on_the_command_line_that_is_no_text_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["region-heads", "tag", "caf\udce9.txt"])
    with pytest.raises(SystemExit) as stopped, in_words("step"):
        raise AssertionError("it ran")
    assert stopped.value.code == 1
    assert "expected names and texts in UTF-8" in capsys.readouterr().err
