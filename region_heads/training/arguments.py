"""Training arguments: those of the Hugging Face Trainer and what this project adds."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from transformers import TrainingArguments

from region_heads.training.operators import guard_builds


@dataclass
class RegionTrainingArguments(TrainingArguments):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """Arguments of :class:`~region_heads.training.trainer.RegionHeadsTrainer`."""

    enable_region_heads: bool = field(
        default=True, metadata={"help": "Answer through the task heads; False trains the text answer only."}
    )
    tune_region_heads: bool = field(
        default=True, metadata={"help": "Train the region encoder and the heads; False freezes them."}
    )
    backbone_precision: str = field(
        default="", metadata={"help": "Arithmetic of the backbone; follows from `bf16`, with which it should be set."}
    )
    images_per_batch: int = field(
        default=5, metadata={"help": "Images in a batch; all their questions come with them."}
    )
    max_questions_per_image: int = field(
        default=16, metadata={"help": "Questions of one image in one batch; more are spread over batches."}
    )
    sampling_temperature: float = field(
        default=1.0, metadata={"help": "1 takes each question once an epoch, 0 takes all tasks equally often."}
    )

    scene_cache: int = field(
        default=2048, metadata={"help": "MiB for prepared pictures on a machine, all its ranks and workers together."}
    )
    early_stopping_patience: int = field(
        default=0, metadata={"help": "Evaluations without a better one after which training ends; 0: never."}
    )

    @property
    def cache_share(self) -> int:
        """Bytes of ``scene_cache`` for each process that prepares pictures: every worker of every rank here."""
        ranks = int(os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("WORLD_SIZE") or 1)
        return self.scene_cache * 2**20 // (ranks * max(1, int(self.dataloader_num_workers)))

    def __post_init__(self) -> None:
        half = bool(self.bf16)  # type: ignore[has-type, unused-ignore]  # transformers is not typed
        self.backbone_precision = self.backbone_precision or ("bfloat16" if half else "float32")
        # The model itself knows what it computes in bf16. DeepSpeed would cast every weight, those of the heads, too.
        self.bf16 = half and not self.deepspeed
        if self.deepspeed:
            guard_builds()
        super().__post_init__()
