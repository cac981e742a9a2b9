"""Training arguments: those of the Hugging Face Trainer and what this project adds."""

from __future__ import annotations

from dataclasses import dataclass, field

from transformers import TrainingArguments


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

    def __post_init__(self) -> None:
        half = bool(self.bf16)  # type: ignore[has-type, unused-ignore]  # transformers is not typed
        self.backbone_precision = self.backbone_precision or ("bfloat16" if half else "float32")
        # The model itself knows what it computes in bf16. DeepSpeed would cast every weight, those of the heads, too.
        self.bf16 = half and not self.deepspeed
        super().__post_init__()
