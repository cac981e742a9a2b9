"""A short training with plain gradient steps, in this process or as one rank of several."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import TrainerCallback

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.settings import Augmentation
from region_heads.modeling.model import RegionHeadsOutput
from region_heads.modeling.settings import ModelSettings
from region_heads.tasks import TASK_NAMES
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.deepspeed_config import deepspeed_config
from region_heads.training.finetune import finetune, save
from region_heads.training.settings import TrainingPolicy
from region_heads.training.trainer import RegionHeadsTrainer

Weights = dict[str, torch.Tensor]

TOLERANCE = 2e-6
"""Largest difference of a weight that rounding explains, in fp32."""

# Plain steps without clipping or moments: what differs between two set-ups is not hidden by a normalisation.
_ARGUMENTS: dict[str, Any] = {
    "num_train_epochs": 1, "learning_rate": 1e-3, "optim": "sgd", "max_grad_norm": 1e9, "lr_scheduler_type": "constant",
    "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False, "seed": 5,
    "use_cpu": True,
}  # fmt: skip

WITHOUT_DROPOUT: dict[str, Any] = {"region_heads_cfg": {task: {"dropout": 0.0} for task in TASK_NAMES}}
"""Settings of trainings that are compared: every rank and every batch draws a dropout of its own."""


def run(
    table: pa.Table,
    images: Path,
    folder: Path,
    *,
    preset: str = "none",
    offload: str = "none",
    policy: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    resume: str | None = None,
    save_to: str | None = None,
    scores: list[float] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    **options: Any,
) -> Weights:
    """Trains on ``table`` and returns the whole weights, on every rank.

    ``scores`` is what the validation split is said to give after each step, in a process of its own.
    ``save_to`` also saves the model, and beside it, in ``….answers.json``, what it answers as it was trained.
    """
    arguments = RegionTrainingArguments(
        output_dir=str(folder), deepspeed=deepspeed_config(preset, offload), **_ARGUMENTS | options
    )
    if scores is not None:

        def evaluate(trainer: RegionHeadsTrainer, **_: Any) -> dict[str, float]:
            metrics = {"eval_score": scores[trainer.state.global_step - 1]}
            trainer.log(metrics)
            return metrics

        RegionHeadsTrainer.evaluate = evaluate  # type: ignore[method-assign,assignment]
    trainer = finetune(
        table, table, images,
        settings=ModelSettings.model_validate(WITHOUT_DROPOUT | (settings or {})), arguments=arguments,
        augmentation=Augmentation(), depth_scale=0.001, policy=TrainingPolicy.model_validate(policy or {}),
        callbacks=callbacks, resume=None if resume is None else Path(resume),
    )  # fmt: skip
    if save_to is not None:
        _answer(trainer, table, images, Path(f"{save_to}.answers.json"))
        save(trainer, Path(save_to))
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    # ZeRO-3 gathers on the first rank alone.
    return {name: weight.detach().clone().float() for name, weight in (state or {}).items()}


def _answer(trainer: RegionHeadsTrainer, table: pa.Table, images: Path, file: Path) -> None:
    model = trainer.model_wrapped if trainer.is_deepspeed_enabled else trainer.model
    model.eval()
    questions = RegionDataset(table, images, trainer.processor)
    batch = RegionDataCollator(trainer.processor)([questions[row] for row in range(10)])
    with torch.no_grad():
        output = model(batch=batch.unanswered)
    file.write_text(json.dumps(as_numbers(output)))


def as_numbers(output: RegionHeadsOutput) -> dict[str, Any]:
    """What the heads were given, and what they answered."""
    answers = {task: [one.answer.tolist(), one.confidence.tolist()] for task, one in (output.outputs or {}).items()}
    return {"features": output.region_features.tolist(), "answers": answers}


def on_two_ranks(table: pa.Table, images: Path, folder: Path, **options: Any) -> Weights:
    """Trains on two processes and returns the weights; where both hold all of them, they must be the same.

    They are forked from one that has imported what takes seconds, and never trained itself.
    """
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "table.parquet")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload([__name__, "deepspeed"])
    ranks = [start.Process(target=_rank, args=(rank, port, folder, images, options)) for rank in range(2)]
    try:
        for process in ranks:
            process.start()
        for process in ranks:
            process.join(timeout=300)
        said = [_log(folder, rank).read_text()[-4000:] for rank in range(2) if _log(folder, rank).exists()]
        assert [process.exitcode for process in ranks] == [0, 0], "\n".join(said)
    finally:
        for process in ranks:
            process.kill()
    first, second = (torch.load(folder / f"weights-{rank}.pt") for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in second)
    return dict(first)


def _rank(rank: int, port: int, folder: Path, images: Path, options: dict[str, Any]) -> None:
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    with _log(folder, rank).open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    torch.set_num_threads(1)
    weights = run(pq.read_table(folder / "table.parquet"), images, folder / "out", **options)
    assert torch.distributed.get_world_size() == 2
    torch.save(weights, folder / f"weights-{rank}.pt")
    torch.distributed.destroy_process_group()
    os._exit(0)  # as a rank does, see components.finetune.rank


def _log(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.log"
