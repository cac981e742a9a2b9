"""MLflow's store in a file: its address, and the paths in it, which follow when its folder is moved or copied."""

import contextlib
import os
import re
import sqlite3
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from region_heads.errors import RegionHeadsError

ARTIFACTS = "mlartifacts"
"""Folder beside the database that takes the artifacts."""

BESIDE = "region_heads.artifacts_beside_database"
"""Tag of an experiment whose artifacts were put there by this project, and not by a person's choice."""

_ADDRESS = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<path>[^?]+)(?P<more>\?.*)?")
_PATHS = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip


def absolute_address(address: str) -> str:
    """The address of a store; a file's is made absolute, from the folder that :func:`workspace` says."""
    found = _ADDRESS.fullmatch(address)
    file = store_file(address)
    return address if found is None or file is None else store_address(workspace() / file) + (found["more"] or "")


def store_address(file: Path) -> str:
    """Address of the SQLite file at an absolute path, quoted where SQLAlchemy would read something else."""
    plain = str(file)
    quoted = re.sub("[%?]", lambda found: quote(found[0]), plain)
    # Of an address that begins with "sqlite:///" MLflow makes the folder without decoding it.
    return f"{'sqlite' if quoted == plain else 'sqlite+pysqlite'}:///{quoted}"


def store_file(address: str) -> Path | None:
    """The SQLite file that an address names, None for a server, another database, or one in memory."""
    found = _ADDRESS.fullmatch(address)
    return None if found is None or found["path"] == ":memory:" else Path(unquote(found["path"]))


def workspace() -> Path:
    """The working directory; in the copy that `dvc exp run --temp` or `--queue` works in, its place in the original.

    DVC names the original in the environment, and deletes the copy with all that git does not know.
    """
    here = Path.cwd()
    original = os.environ.get("DVC_ROOT")
    if original and "DVC_EXP_BASELINE_REV" in os.environ:
        copy = next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), None)
        if copy is not None and Path(original).resolve() in copy.resolve().parents:
            return Path(original) / here.relative_to(copy)
    return here


def follow(file: Path) -> None:
    """Brings the paths in the store up to the folder in which it lies, where they still name an earlier one.

    MLflow keeps absolute paths. After a move or a copy they would be read, and written, where the store was before.

    Raises:
        RegionHeadsError: The file cannot be read as a store, or not be changed where that is needed.
    """
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as store:
            if not _earlier(store, file):
                return
            store.execute("BEGIN IMMEDIATE")  # of several that look at the same time, one changes it, all of it
            for before in _earlier(store, file):
                after = f"{file.parent.as_uri()}/"
                _replace(store, before, after)
                _replace(store, _path(before) + "/", f"{file.parent}/")  # the experiment that MLflow itself makes
            store.execute("COMMIT")
    except sqlite3.Error as error:
        raise RegionHeadsError(
            f"{file}: expected MLflow's store, with paths that can be brought up to this folder; found: {error}. Check "
            "that it is a whole database, may be written, and is not in use"
        ) from error


def _earlier(store: sqlite3.Connection, file: Path) -> list[str]:
    """Addresses of the folders, with a slash at the end, in which the store has lain before."""
    tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "experiments" not in tables:
        return []
    found = store.execute(
        "SELECT DISTINCT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id) "
        "WHERE experiment_tags.key = ? AND artifact_location LIKE ?",
        (BESIDE, f"file:///%/{ARTIFACTS}"),
    )
    return [
        location.removesuffix(ARTIFACTS)
        for (location,) in found.fetchall()
        if not _same(Path(_path(location)).parent, file.parent)
    ]


def _same(folder: Path, other: Path) -> bool:
    try:
        return folder == other or folder.samefile(other)
    except OSError:  # there is no longer one, or it is in another person's folder
        return False


def _path(address: str) -> str:
    return unquote(urlsplit(address).path).rstrip("/")


def _replace(store: sqlite3.Connection, before: str, after: str) -> None:
    for table, column in _PATHS:
        store.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (after, len(before) + 1, len(before), before),
        )
