"""Where a model came from: code, data, settings and pipeline, as tags of its version."""

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import region_heads
from region_heads.errors import public
from region_heads.files.digests import content_digest, evaluation_digest
from region_heads.settings import SourceParams

PACKAGE = Path(region_heads.__file__).parent
ROOT = PACKAGE.parent
NOT_SHIPPED = (
    "rendering", "warehouse", "tabletop", "quality", "ingest", "labelling", "report", "registry", "serving",
    "playground", "cli", "__main__.py",
)  # fmt: skip
"""Rooms of the package that a version does not need to answer; the others travel with it."""

MODEL_CODE = Path(__file__).with_name("model_code.py")
"""What MLflow runs to answer with it."""

# Set by the image and the pipeline where there is no working tree to ask.
_ENVIRONMENT = {
    "git_revision": "REGION_HEADS_REVISION",
    "image": "REGION_HEADS_IMAGE",
    "pipeline_run": "REGION_HEADS_PIPELINE_RUN",
}


def lineage_tags(
    evaluation: Mapping[str, Any], training: Mapping[str, Any], source: SourceParams, *, code: Sequence[str]
) -> dict[str, str]:
    """Tags of a version: revisions and digests of what made it, and its figures on the test split.

    Args:
        code: As in :func:`code_revision`.
    """
    tags = code_revision(code)
    for tag, variable in _ENVIRONMENT.items():
        if os.environ.get(variable):
            tags[tag] = os.environ[variable]
    tags["data_revision"] = evaluation["splits_digest"]
    if source.repository:
        tags["data_repository"], tags["data_commit"] = public(source.repository), source.revision
    if source.digest:
        tags["data_digest"] = source.digest
    tags["model_digest"] = evaluation["model_digest"]
    tags["code_digest"] = shipped_digest()
    tags["evaluation_digest"] = evaluation_digest(evaluation)
    if training.get("params") is not None:
        tags["params_digest"] = content_digest(training["params"])
    tags["score"] = f"{evaluation['score']:.4f}"
    for name, task in evaluation["tasks"].items():
        if task["accuracy"] is not None:
            tags[f"accuracy.{name}"] = f"{task['accuracy']:.4f}"
    return tags


def shipped_digest() -> str:
    """Digest of the code that travels with a version and answers for it."""
    files = [MODEL_CODE, *shipped_files()]
    content = {path.relative_to(PACKAGE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return content_digest(content)


def shipped_files() -> Iterator[Path]:
    """The files of the package that travel with a version."""
    for path in sorted(PACKAGE.rglob("*")):
        parts = path.relative_to(PACKAGE).parts
        if path.is_file() and "__pycache__" not in parts and parts[0] not in NOT_SHIPPED:
            yield path


def code_revision(code: Sequence[str]) -> dict[str, str]:
    """``git_revision`` and ``git_dirty`` ("true", "false" or "unknown") of the code that runs; empty outside git.

    Args:
        code: The packages that run, folders beside this one.

    What was not looked at is unknown: where git refuses, and where a repository around the project does not track it.
    """
    revision = _git("rev-parse", "HEAD")
    if revision is None:
        return {}
    # `dvc repro` rewrites dvc.lock while the line runs; that is no change of the code.
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    # Also what git ignores is code that runs. "H" marks what git compares, "?" what it does not track.
    files = _git("ls-files", "-v", "--cached", "--others", "--exclude=__pycache__/", "--", *code)
    marks = {line[2:]: line[0] for line in (files or "").splitlines()}
    if changes is None or any(marks.get(f"{package}/__init__.py") != "H" for package in code):
        return {"git_revision": revision, "git_dirty": "unknown"}
    if changes or "?" in marks.values():
        return {"git_revision": revision, "git_dirty": "true"}
    return {"git_revision": revision, "git_dirty": "false" if set(marks.values()) == {"H"} else "unknown"}


def code_words(code: Sequence[str]) -> str:
    """The code that runs, for people: the version, and the commit where it is known to be that of these packages."""
    found = code_revision(code)
    known = found.get("git_revision") if found.get("git_dirty") in ("true", "false") else None
    commit = os.environ.get(_ENVIRONMENT["git_revision"]) or known
    changed = " with changes" if commit == known and found.get("git_dirty") == "true" else ""
    return f"{region_heads.__version__}, commit {commit[:12]}{changed}" if commit else region_heads.__version__


def _git(*arguments: str) -> str | None:
    # A variable of git's own, as hooks set them, would point it to another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
