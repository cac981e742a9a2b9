"""Where a model came from: code, data, settings and pipeline, as tags of its version."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import components
from components.digests import content_digest, evaluation_digest
from components.sections import SourceParams

# Set by the image and the pipeline where there is no working tree to ask.
_ENVIRONMENT = {
    "git_revision": "REGION_HEADS_REVISION",
    "image": "REGION_HEADS_IMAGE",
    "pipeline_run": "REGION_HEADS_PIPELINE_RUN",
}


def lineage_tags(evaluation: Mapping[str, Any], training: Mapping[str, Any], source: SourceParams) -> dict[str, str]:
    """Tags of a version: revisions and digests of what made it, and its figures on the test split."""
    tags = code_revision()
    for tag, variable in _ENVIRONMENT.items():
        if os.environ.get(variable):
            tags[tag] = os.environ[variable]
    tags["data_revision"] = evaluation["splits_digest"]
    if source.repository:
        tags["data_repository"], tags["data_commit"] = source.repository, source.revision
    if source.digest:
        tags["data_digest"] = source.digest
    tags["model_digest"] = evaluation["model_digest"]
    tags["evaluation_digest"] = evaluation_digest(evaluation)
    if training.get("params") is not None:
        tags["params_digest"] = content_digest(training["params"])
    tags["score"] = f"{evaluation['score']:.4f}"
    for name, task in evaluation["tasks"].items():
        if task["accuracy"] is not None:
            tags[f"accuracy.{name}"] = f"{task['accuracy']:.4f}"
    return tags


def code_revision() -> dict[str, str]:
    """``git_revision`` and ``git_dirty`` of the code that runs; empty outside a working tree."""
    revision = _git("rev-parse", "HEAD")
    if revision is None:
        return {}
    # `dvc repro` rewrites dvc.lock while the line runs; that is no change of the code.
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)dvc.lock")
    return {"git_revision": revision, "git_dirty": str(bool(changes)).lower()}


def _git(*arguments: str) -> str | None:
    root = Path(components.__file__).parent.parent
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
