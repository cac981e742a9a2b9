"""The step: split tables and images to a saved model and its training curves."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from components.finetune.checkpoints import checkpoint_folder, last_checkpoint
from components.finetune.params import HeadParams, Params
from components.inputs import read_table
from components.output import whole_file, whole_folder
from components.ports import InputPath, OutputPath
from components.sections import DatasetParams, TrackingParams
from components.tracking import tracking_run
from region_heads.errors import RegionHeadsError
from region_heads.records import SPLIT_SCHEMA
from region_heads.tasks import TASK_NAMES


def finetune(
    splits: InputPath,
    dataset: InputPath,
    model: OutputPath,
    curves: OutputPath,
    finetune: Params,
    data: DatasetParams,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Fine-tunes a backbone with routed region heads.

    A killed run goes on from its last checkpoint when the step is run again with the same settings, data and code.
    """
    tables = {name: read_table(splits / f"{name}.parquet", SPLIT_SCHEMA, writer="split") for name in ("train", "val")}
    if tables["train"].num_rows == 0:
        raise RegionHeadsError(f"{splits}/train.parquet: expected questions to train on, found none")
    _check_losses(finetune)

    from transformers.utils import logging

    # What transformers tells of every load and save is no news to the person who waits for the score.
    logging.set_verbosity_error()
    logging.disable_progress_bar()

    from components.finetune.curves import write_curves
    from components.finetune.progress import ProgressLine
    from region_heads.data.dataset import Augmentation
    from region_heads.training.finetune import finetune as train

    folder = checkpoint_folder(Path(finetune.checkpoint_folder), splits, finetune)
    resume = last_checkpoint(folder)
    if resume:
        print(f"going on from {resume}")
    arguments = _arguments(finetune, tables["train"]["image"].to_pylist(), folder)
    with tracking_run(tracking, name="finetune") as run:
        started = time.monotonic()
        trainer = train(
            tables["train"],
            tables["val"],
            dataset,
            settings=_settings(finetune),
            arguments=arguments,
            augmentation=Augmentation(
                mirror=finetune.mirror, reorder=finetune.reorder, word_dropout=finetune.word_dropout
            ),
            depth_scale=data.depth_scale,
            callbacks=[ProgressLine()],
            resume=resume,
        )
        seconds = time.monotonic() - started
        history = trainer.state.log_history
        _log_to_mlflow(finetune, history)
        with whole_folder(model) as partial:
            trainer.save_model(str(partial))
            trainer.processor.save_pretrained(partial)
            (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle; the settings are below
            about = {
                "mlflow_run_id": run.info.run_id,
                "seconds": round(seconds, 1),
                "questions": tables["train"].num_rows,
                "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
                "params": finetune.model_dump(mode="json"),
            }
            (partial / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with whole_file(curves) as partial:
        write_curves(history, partial)
    shutil.rmtree(folder, ignore_errors=True)
    score = next((entry["eval_score"] for entry in reversed(history) if "eval_score" in entry), 0.0)
    print(f"trained {about['parameters']:,} parameters on {about['questions']:,} questions in {seconds:.0f} s")
    return {"val_score": score, "seconds": seconds}


def _check_losses(params: Params) -> None:
    if not params.enable_region_heads and params.language_loss_weight == 0:
        raise RegionHeadsError(
            "finetune.enable_region_heads is false and finetune.language_loss_weight is 0: nothing would be "
            "trained; set one of them"
        )


def _settings(params: Params) -> Any:
    from region_heads.training.finetune import ModelSettings

    heads = {task: params.region_heads_cfg.get(task) or HeadParams() for task in TASK_NAMES}
    return ModelSettings(
        backbone=params.backbone,
        region_heads_cfg={
            task: {"enabled": head.enabled and params.enable_region_heads, "dropout": head.dropout}
            for task, head in heads.items()
        },
        region_size=params.region_size,
        head_size=params.head_size,
        image_token_grid=params.image_token_grid,
        loss_weights=params.loss_weights,
        grounding_loss_weight=params.grounding_loss_weight,
        language_loss_weight=params.language_loss_weight,
    )


def _arguments(params: Params, images: list[str], folder: Path) -> Any:
    import torch

    from region_heads.data.batches import ImageBatchSampler
    from region_heads.training.arguments import RegionTrainingArguments

    batches = len(ImageBatchSampler(images, images_per_batch=params.images_per_batch))
    steps = max(1, int(batches / params.gradient_accumulation_steps * params.epochs))
    return RegionTrainingArguments(
        output_dir=str(folder),
        enable_region_heads=params.enable_region_heads,
        tune_region_heads=params.tune_region_heads,
        images_per_batch=params.images_per_batch,
        num_train_epochs=params.epochs,
        gradient_accumulation_steps=params.gradient_accumulation_steps,
        learning_rate=params.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=int(steps * params.warmup),
        weight_decay=params.weight_decay,
        adam_beta1=0.9,
        adam_beta2=0.98,
        max_grad_norm=params.max_grad_norm,
        logging_steps=max(1, steps // 100),
        eval_strategy="steps",
        eval_steps=max(1, -(-steps // params.evaluations)),
        save_strategy="steps" if params.checkpoints else "no",
        save_steps=max(1, steps // (params.checkpoints + 1)),
        save_total_limit=1,
        dataloader_num_workers=params.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=params.seed,
        report_to="none",
        disable_tqdm=True,
    )


def _log_to_mlflow(params: Params, history: list[dict[str, float]]) -> None:
    import mlflow

    from components.finetune.curves import points

    mlflow.log_params({f"finetune.{key}": value for key, value in params.model_dump(mode="json").items()})
    by_step: dict[int, dict[str, float]] = {}
    for point in points(history):
        by_step.setdefault(point.step, {})[point.name] = point.value
    for step, metrics in by_step.items():
        mlflow.log_metrics(metrics, step=step)
