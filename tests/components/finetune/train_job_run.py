"""A small training that can be run in several places and compared: nothing in it depends on who trains which part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import load_file

from components.finetune.step import run as finetune
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.tasks import TASK_NAMES
from region_heads.training.settings import Params

# Dropout is drawn by each rank, so that ranks and a single process would draw differently.
_NOTHING_DRAWN = {
    "region_heads_cfg": {task: {"dropout": 0.0} for task in TASK_NAMES},
    "word_dropout": 0.0, "mirror": 0.0, "reorder": 0.0,
}  # fmt: skip


def train(table: pa.Table, images: Path, folder: Path, *, tracking: str = "", **more: Any) -> dict[str, float]:
    """The step, with everything that it writes below ``folder``."""
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    for name in ("train", "val"):
        pq.write_table(table, folder / "splits" / f"{name}.parquet")
    values = {
        "epochs": 4, "evaluations": 1, "checkpoints": 11, "images_per_batch": 1,
        "checkpoint_folder": str(folder / "checkpoints"),
    } | _NOTHING_DRAWN  # fmt: skip
    return finetune(
        splits=folder / "splits", dataset=images, model=folder / "model", curves=folder / "curves",
        finetune=Params.model_validate(values | more), data=DatasetParams(),
        tracking=TrackingParams(uri=tracking or f"sqlite:///{folder}/mlflow.db"),
    )  # fmt: skip


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """What :func:`train` has saved."""
    return load_file(folder / "model" / "model.safetensors")


def assert_same_training(ours: Path, theirs: Path, start: Path) -> None:
    """Weights lie apart by less than a thousandth of the way that training moved them, all of them together.

    Not each of them: Adam divides by the gradient's size, so that a weight without a gradient follows the rounding.
    """
    a, b, before = weights(ours), weights(theirs), weights(start)
    assert a.keys() == b.keys()
    moved = sum(float((b[name] - before[name]).abs().sum()) for name in b)
    apart = sum(float((b[name] - a[name]).abs().sum()) for name in b)
    assert moved / sum(weight.numel() for weight in b.values()) > 1e-3
    assert apart < 1e-3 * moved
