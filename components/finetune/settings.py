"""The section ``finetune`` as the library's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from components.finetune.params import HeadParams, Params
from region_heads.tasks import TASK_NAMES

if TYPE_CHECKING:
    import pyarrow as pa

    from region_heads.training.arguments import RegionTrainingArguments
    from region_heads.training.policies import TrainingPolicy
    from region_heads.training.start import ModelSettings


def settings(params: Params, weights: Path | None = None) -> ModelSettings:
    """What is trained, from ``weights`` where there are such."""
    from region_heads.training.start import ModelSettings

    heads = {task: params.region_heads_cfg.get(task) or HeadParams() for task in TASK_NAMES}
    return ModelSettings(
        backbone=params.backbone,
        weights=weights,
        region_heads_cfg={task: head.model_dump() for task, head in heads.items()},
        region_size=params.region_size,
        head_size=params.head_size,
        image_token_grid=params.image_token_grid,
        image_pixels=params.image_pixels,
        packing=params.packing,
        loss_weights=params.loss_weights,
        loss_weighting=params.loss_weighting,
        grounding_loss_weight=params.grounding_loss_weight,
        language_loss_weight=params.language_loss_weight,
        text_answer=params.text_answer,
    )


def policy(params: Params) -> TrainingPolicy:
    """Which parts of the backbone are trained."""
    from region_heads.training.policies import TrainingPolicy

    return TrainingPolicy(**params.parts.model_dump(), **params.lora.model_dump())


def training_arguments(params: Params, train: pa.Table, folder: Path) -> RegionTrainingArguments:
    """How it is trained; checkpoints go to ``folder``."""
    import torch

    from region_heads.data.batches import ImageBatchSampler
    from region_heads.training.arguments import RegionTrainingArguments
    from region_heads.training.presets import deepspeed_config

    arguments = RegionTrainingArguments(
        output_dir=str(folder),
        enable_region_heads=params.enable_region_heads,
        tune_region_heads=params.tune_region_heads,
        images_per_batch=params.images_per_batch,
        sampling_temperature=params.sampling_temperature,
        num_train_epochs=params.epochs,
        gradient_accumulation_steps=params.gradient_accumulation_steps,
        learning_rate=params.learning_rate,
        lr_scheduler_type="cosine",
        weight_decay=params.weight_decay,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.98,
        max_grad_norm=params.max_grad_norm,
        logging_steps=params.log_every,
        logging_nan_inf_filter=False,  # the trainer stops instead
        eval_strategy="steps",
        save_strategy="steps" if params.checkpoints else "best" if params.keep_best else "no",
        save_total_limit=2,  # one to fall back on where the newest is damaged
        metric_for_best_model="score",
        greater_is_better=True,
        early_stopping_patience=params.early_stopping_patience,
        scene_cache=params.scene_cache,
        dataloader_num_workers=params.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=params.precision == "bf16",
        activation_checkpointing=params.activation_checkpointing,
        deepspeed=deepspeed_config(params.deepspeed, params.offload),
        seed=params.seed,
        use_cpu=not torch.cuda.is_available(),  # else ranks without a GPU would each train alone
        report_to="none",
        disable_tqdm=True,
    )
    batches = len(
        ImageBatchSampler(
            train["image"].to_pylist(),
            train["task"].to_pylist(),
            images_per_batch=params.images_per_batch,
            temperature=params.sampling_temperature,
            ranks=arguments.world_size,
            accumulated=params.gradient_accumulation_steps,
        )
    )
    steps = max(1, int(batches / params.gradient_accumulation_steps * params.epochs))
    arguments.warmup_steps = int(steps * params.warmup)
    arguments.load_best_model_at_end = params.keep_best  # the Trainer saves whenever S1 improves, see KeepingTrainer
    arguments.eval_steps = max(1, -(-steps // params.evaluations))
    arguments.save_steps = max(1, steps // (params.checkpoints + 1))
    return arguments
