"""Content digests of files and folders, computed as DVC computes them, so that they match ``dvc.lock`` without DVC.

DVC's digest of a folder is the MD5 of a JSON list of ``{"md5", "relpath"}``, sorted by path, with ``.dir`` at
the end. MD5 names content here; it protects nothing.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError


def folder_digest(folder: Path, *, leave_out: Collection[str] = ()) -> str:
    """Digest of all files below ``folder``.

    Args:
        folder: An existing folder.
        leave_out: Relative paths that do not count; with any, the digest is no longer DVC's.
    """
    entries = [
        {"md5": file_digest(path), "relpath": path.relative_to(folder).as_posix()}
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).as_posix() not in leave_out
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True)
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest() + ".dir"


def model_digest(model: Path) -> str:
    """Digest of a model folder: what decides its answers, not ``training.json``, which says how it was trained."""
    return folder_digest(model, leave_out=("training.json",))


def evaluation_digest(evaluation: Mapping[str, Any]) -> str:
    """Digest of a model's own figures: the champion beside them and the MLflow run may differ."""
    return content_digest({key: value for key, value in evaluation.items() if key not in ("champion", "run_id")})


def content_digest(content: Any) -> str:
    """Digest of what can be written as JSON."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def check_same(file: Path, field: str, found: str | None, other: object, expected: str | None, *, again: str) -> None:
    """Holds a digest that ``file`` carries against that of ``other``; what carries none belongs to nothing.

    Raises:
        RegionHeadsError: They differ, or one is missing; ``again`` names the steps to run.
    """
    if not expected or found != expected:
        raise RegionHeadsError(
            f"{file}: field {field}: expected the digest of {other} ({expected or 'which has none'}), found "
            f"{found or 'none'}; they do not belong together; run {again} again"
        )


def file_digest(path: Path) -> str:
    """MD5 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
