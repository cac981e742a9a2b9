"""Training arguments: the settings as those of the Hugging Face Trainer and what this project adds."""

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from transformers import TrainingArguments

from region_heads.data.batches import ImageBatchSampler
from region_heads.parallel import cores
from region_heads.training.deepspeed_builds import guard_builds
from region_heads.training.deepspeed_config import deepspeed_config
from region_heads.training.settings import TrainingSettings

_OPTIMIZERS = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit", "adafactor": "adafactor"}


def _setting(name: str) -> Any:
    """A field with the default and the description of the setting of this name."""
    setting = TrainingSettings.model_fields[name]
    return field(default=setting.default, metadata={"help": setting.description})


@dataclass
class RegionTrainingArguments(TrainingArguments):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """Arguments of :class:`~region_heads.training.trainer.RegionHeadsTrainer`."""

    enable_region_heads: bool = _setting("enable_region_heads")
    tune_region_heads: bool = _setting("tune_region_heads")
    images_per_batch: int = _setting("images_per_batch")
    sampling_temperature: float = _setting("sampling_temperature")
    scene_cache: int = _setting("scene_cache")
    threads: int | None = _setting("threads")
    early_stopping_patience: int = _setting("early_stopping_patience")
    backbone_precision: str = field(
        default="", metadata={"help": "Arithmetic of the backbone; follows from `bf16`, with which it should be set."}
    )
    max_questions_per_image: int = field(
        default=16, metadata={"help": "Questions of one image in one batch; more are spread over batches."}
    )

    @property
    def cache_share(self) -> int:
        """Bytes of ``scene_cache`` for each process that prepares pictures: every worker of every rank here."""
        return self.scene_cache * 2**20 // (_ranks_here() * max(1, int(self.dataloader_num_workers)))

    def __post_init__(self) -> None:
        half = bool(self.bf16)  # type: ignore[has-type, unused-ignore]  # transformers is not typed
        self.backbone_precision = self.backbone_precision or ("bfloat16" if half else "float32")
        # The model itself knows what it computes in bf16. DeepSpeed would cast every weight, those of the heads, too.
        self.bf16 = half and not self.deepspeed
        if self.deepspeed:
            guard_builds()
        super().__post_init__()


def _ranks_here() -> int:
    """Ranks of this training on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)


def _cores_left() -> int:
    """Processes that prepare batches of a rank: up to four feed a GPU, and one a CPU, beside the core that trains."""
    return max(0, min(4 if torch.cuda.is_available() else 1, cores() // _ranks_here() - 1))


def training_arguments(settings: TrainingSettings, train: pa.Table, folder: Path) -> RegionTrainingArguments:
    """The settings as arguments; checkpoints go to ``folder``, the schedule follows from the training split."""
    # Settings that have the name of an argument are that argument.
    same = TrainingSettings.model_fields.keys() & {one.name for one in fields(RegionTrainingArguments)}
    arguments = RegionTrainingArguments(
        **{name: getattr(settings, name) for name in same - {"deepspeed"}},
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        lr_scheduler_type="cosine",
        optim=_OPTIMIZERS[settings.optimizer],
        adam_beta1=0.9,
        adam_beta2=0.98,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,  # the trainer stops instead
        eval_strategy="steps",
        save_strategy="steps" if settings.checkpoints else "best" if settings.keep_best else "no",
        save_total_limit=2,  # one to fall back on where the newest is damaged
        metric_for_best_model="score",
        greater_is_better=True,
        dataloader_num_workers=_cores_left() if settings.workers is None else settings.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        bf16=settings.precision == "bf16",
        deepspeed=deepspeed_config(settings.deepspeed, settings.offload),
        use_cpu=not torch.cuda.is_available(),  # else ranks without a GPU would each train alone
        disable_tqdm=True,
    )
    batches = len(
        ImageBatchSampler(
            train["image"].to_pylist(),
            train["task"].to_pylist(),
            images_per_batch=settings.images_per_batch,
            temperature=settings.sampling_temperature,
            ranks=arguments.world_size,
            accumulated=settings.gradient_accumulation_steps,
        )
    )
    steps = max(1, int(batches / settings.gradient_accumulation_steps * settings.epochs))
    arguments.warmup_steps = int(steps * settings.warmup)
    arguments.load_best_model_at_end = settings.keep_best  # the Trainer saves whenever S1 improves, see KeepingTrainer
    arguments.eval_steps = max(1, -(-steps // settings.evaluations))
    arguments.save_steps = max(1, steps // (settings.checkpoints + 1))
    return arguments
