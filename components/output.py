"""Outputs that appear whole or not at all: written beside their place under another name, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Removes what a killed writer of ``path`` left, but not what a living one is writing."""
    for leftover in path.parent.glob(f"{path.name}.*.partial"):
        pid = leftover.name.removesuffix(".partial").rpartition(".")[2]
        if pid.isdigit() and int(pid) != os.getpid() and not Path(f"/proc/{pid}").exists():
            _remove(leftover)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path; on success it replaces ``path``, on any error nothing of it is left."""
    partial = _partial(path)
    _remove_leftovers(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        _remove(partial)


@contextlib.contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, on the same disk, so that it can be renamed to become it."""
    scratch = path.with_name(f"{path.name}.scratch")
    partial = _partial(scratch)
    _remove_leftovers(scratch)
    try:
        yield partial
    finally:
        _remove(partial)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Like :func:`whole_file`, for a folder: yields an empty folder that becomes ``path``."""
    partial = _partial(path)
    _remove_leftovers(path)
    partial.mkdir()
    try:
        yield partial
        _remove(path)
        partial.replace(path)
    finally:
        _remove(partial)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes ``content`` as indented JSON with sorted-as-given keys, whole or not at all."""
    with whole_file(path) as partial:
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
