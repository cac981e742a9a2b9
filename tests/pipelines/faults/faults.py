"""Kinds of faults of a file, and what surrounds a step or command while it meets one."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WORDS_OF_A_FAULT_OF_OURS = ("Traceback", "fault of Region Heads", "gave up", "Exception ignored")
NOBODY = 65534


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def of_another_kind(path: Path) -> None:
    path.write_bytes(b"\x80\x02}q\x00\xff\xfe" * 40)


def other_json(path: Path) -> None:
    path.write_text('[{"a": 1}]\n')


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def denied(path: Path) -> None:
    path.chmod(0)


FAULTS: tuple[Callable[[Path], None], ...] = (
    missing, empty, cut_off, of_another_kind, other_json, a_folder, denied,
)  # fmt: skip


def outcome(call: Callable[[], None], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code and what was said at the end."""
    capsys.readouterr()
    try:
        call()
    except SystemExit as ended:
        return int(ended.code or 0), capsys.readouterr().err
    return 0, capsys.readouterr().err


@contextlib.contextmanager
def another_user(folder: Path) -> Iterator[None]:
    """Whoever is root may read everything; this user may only what the mode of a file allows."""
    if os.geteuid():
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextlib.contextmanager
def put_back(path: Path) -> Iterator[None]:
    """``path`` is afterwards what it was before."""
    kept = path.with_name(f"{path.name}.kept")
    copy: Callable[..., object] = shutil.copytree if path.is_dir() else shutil.copy2
    copy(path, kept)
    try:
        yield
    finally:
        remove(path)
        kept.rename(path)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def files_of(path: Path, split: str) -> list[Path]:
    """``path``, or of a folder one file of each kind, where there are such those of ``split``."""
    if path.is_file():
        return [path]
    files = sorted(
        (file for file in path.rglob("*") if file.is_file()),
        key=lambda file: (split in str(file.relative_to(path)), file),
    )
    return list({(file.parent.name, file.suffix): file for file in files}.values())


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """As a disk that is full: a file that would grow beyond ``size`` bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def ended_in_time() -> Iterator[None]:
    """A server that listens without what it needs is ended, with exit code 0."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    ended = threading.Timer(60, os.kill, (os.getpid(), signal.SIGTERM))
    ended.start()
    try:
        yield
    finally:
        ended.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
