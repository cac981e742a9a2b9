"""Outputs that appear whole or not at all: written beside their place in a folder of their own, then renamed.

The folder holds a locked file as long as its writer lives. The kernel lets go of the lock when the writer dies, however
that came about, and other hosts and containers see it where they see the folder; process ids say nothing there.
"""

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from region_heads.errors import RegionHeadsError

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path; on success it replaces ``path``, on any error nothing of it is left.

    Raises:
        RegionHeadsError: There is a folder in its place.
    """
    if path.is_dir():
        raise RegionHeadsError(f"{path}: expected a file or nothing, found a folder; remove it, or write elsewhere")
    with scratch_file(path) as partial:
        yield partial
        partial.replace(path)


@contextlib.contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, on the same disk, so that it can be renamed to become it."""
    with _place_beside(path) as place:
        yield place / path.name


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Like :func:`whole_file`, for a folder: yields an empty folder that becomes ``path``."""
    if path.exists() and not path.is_dir():
        raise RegionHeadsError(f"{path}: expected a folder or nothing, found a file; remove it, or write elsewhere")
    if Path.cwd().is_relative_to(path.resolve()):
        raise RegionHeadsError(f"{path}: expected a folder that may be replaced, found one around this process")
    with _place_beside(path) as place:
        partial, before = place / path.name, place / f"{path.name}.before"
        partial.mkdir()
        yield partial
        if os.path.lexists(path):
            path.replace(before)
        try:
            partial.replace(path)
        except OSError:
            before.replace(path)
            raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes ``content`` as indented JSON with sorted-as-given keys, whole or not at all."""
    with whole_file(path) as partial:
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")


@contextlib.contextmanager
def _place_beside(path: Path) -> Iterator[Path]:
    """Yields a new folder beside ``path``, locked while this process lives and removed afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    place, lock = _new_place(path)
    try:
        yield place
    except OSError as error:
        _name(error, path, place)
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _name(error: OSError, path: Path, place: Path) -> None:
    """Names ``path`` in an error of its disk, which comes without a name or with the temporary one."""
    if error.filename is None and error.errno in _DISK:
        error.filename = str(path)
    elif isinstance(error.filename, str):
        error.filename = error.filename.replace(f"{place}{os.sep}", f"{path.parent}{os.sep}")


def _new_place(path: Path) -> tuple[Path, int]:
    while True:
        place = path.with_name(f"{path.name}.{uuid4().hex[:12]}.partial")
        place.mkdir()
        try:
            lock = os.open(_lock_file(place, path), os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # taken for a leftover before it was locked
            continue
        except OSError as error:
            place.rmdir()
            _name(error, path, place)
            raise
        if _take(lock) is not False and _lock_file(place, path).exists():
            return place, lock
        os.close(lock)


def _remove_leftovers(path: Path) -> None:
    """Removes what killed writers of ``path`` left, but not what a living one is writing."""
    ours = re.compile(re.escape(path.name) + r"\.[0-9a-f]{12}\.partial")
    with contextlib.suppress(OSError):
        for leftover in [found for found in path.parent.iterdir() if ours.fullmatch(found.name)]:
            with contextlib.suppress(OSError):  # another process removes it, or it is another user's
                lock = os.open(_lock_file(leftover, path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
                try:
                    if _take(lock):
                        shutil.rmtree(leftover)
                finally:
                    os.close(lock)


def _lock_file(place: Path, path: Path) -> Path:
    return place / f"{path.name}.lock"


def _take(lock: int) -> bool | None:
    """Locks an open file; False where another process has, None where the storage knows no locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
