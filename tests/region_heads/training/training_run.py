"""A short training with plain gradient steps, in this process or as one rank of several."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from region_heads.data.dataset import Augmentation
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.finetune import finetune
from region_heads.training.start import ModelSettings

TOLERANCE = 2e-6
"""Largest difference of a weight that rounding explains."""

# Plain steps without clipping or moments: what differs between two set-ups is not hidden by a normalisation.
_ARGUMENTS: dict[str, Any] = {
    "num_train_epochs": 1, "learning_rate": 1e-3, "optim": "sgd", "max_grad_norm": 1e9, "lr_scheduler_type": "constant",
    "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False, "seed": 5,
    "use_cpu": True,
}  # fmt: skip


def run(table: pa.Table, images: Path, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Trains on ``table`` and returns the weights."""
    arguments = RegionTrainingArguments(output_dir=str(folder), **_ARGUMENTS | options)
    trainer = finetune(
        table, table, images,
        settings=ModelSettings(), arguments=arguments, augmentation=Augmentation(), depth_scale=0.001,
    )  # fmt: skip
    model = trainer.accelerator.unwrap_model(trainer.model)
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}


if __name__ == "__main__":
    folder, images = Path(sys.argv[1]), Path(sys.argv[2])
    given = {name: float(value) if "." in value else int(value) for name, value in (a.split("=") for a in sys.argv[3:])}
    weights = run(pq.read_table(folder / "table.parquet"), images, folder / "out", **given)
    assert torch.distributed.get_world_size() == int(os.environ["WORLD_SIZE"])
    torch.save(weights, folder / f"weights-{os.environ['RANK']}.pt")
