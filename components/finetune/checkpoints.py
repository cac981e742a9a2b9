"""Where a run keeps its checkpoints: a folder named after everything that the result depends on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import region_heads
from components.finetune.params import Params
from region_heads.training.checkpoints import newest_whole


def training_digest(splits: Path, params: Params) -> str:
    """Names the run with these splits, these settings and this code: 16 hexadecimal digits."""
    settings = params.model_dump(mode="json", exclude=params.operational())
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    # All of the library, not what happens to be loaded: every rank and whoever started it must agree.
    packages = (Path(region_heads.__file__).parent, Path(__file__).parent)
    sources = [path for package in packages for path in sorted(package.rglob("*.py"))]
    for path in (splits / "train.parquet", splits / "val.parquet", *sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def checkpoint_folder(root: Path, digest: str) -> Path:
    """The run's folder. Another run finds another one: a checkpoint is only continued by the run that wrote it."""
    return root / f"finetune-{digest}"


def last_checkpoint(folder: Path, *, tell: bool = False) -> Path | None:
    """The newest whole checkpoint; with ``tell``, newer ones that are damaged are printed, with what is wrong."""
    newest, damaged = newest_whole(folder)
    for path, problem in damaged.items() if tell else ():
        print(f"passed over {path}: {problem}", flush=True)
    return newest
