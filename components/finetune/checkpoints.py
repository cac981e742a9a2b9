"""Where a run keeps its checkpoints: a folder named after everything that the result depends on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import region_heads
from components.finetune.params import Params

_NO_INFLUENCE = {"checkpoint_folder", "train_job"}
"""Settings that say where something lies or runs, and change no weight."""


def training_digest(splits: Path, params: Params) -> str:
    """Names the run with these splits, these settings and this code: 16 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(params.model_dump(mode="json", exclude=_NO_INFLUENCE), sort_keys=True).encode())
    # All of the library, not what happens to be loaded: every rank and whoever started it must agree.
    packages = (Path(region_heads.__file__).parent, Path(__file__).parent)
    sources = [path for package in packages for path in sorted(package.rglob("*.py"))]
    for path in (splits / "train.parquet", splits / "val.parquet", *sources):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def checkpoint_folder(root: Path, digest: str) -> Path:
    """The run's folder. Another run finds another one: a checkpoint is only continued by the run that wrote it."""
    return root / f"finetune-{digest}"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; the trainer's state is what it writes last."""
    complete = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
