"""What goes wrong while a model trains, in words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from region_heads.errors import RegionHeadsError, first_line
from region_heads.training.checkpoints import last_checkpoint
from region_heads.training.ranks import is_rank
from region_heads.training.settings import FinetuneSettings

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


@contextmanager
def explained(settings: FinetuneSettings, checkpoints: Path) -> Iterator[None]:
    """Turns an exhausted memory, and a lost process that prepared batches, into a :class:`RegionHeadsError`.

    The message says what needs less memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if str(error).startswith("DataLoader worker"):  # raised by PyTorch wherever the training is
            raise RegionHeadsError(
                f"a process that prepared batches died ({first_line(error)}); give the machine more memory or a larger "
                "/dev/shm, lower finetune.scene_cache, or set finetune.workers to 0, which prepares them in the trainer"
            ) from None
        if isinstance(error, RegionHeadsError) or not (
            isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error))
        ):
            raise
        resume = last_checkpoint(checkpoints)
        kept = f"The last checkpoint is {resume}" if resume else "No checkpoint was written yet"
        raise RegionHeadsError(
            f"out of memory with {settings.images_per_batch} images in a batch. Needs less: {_advice(settings)}. "
            f"{kept}; another setting starts anew"
        ) from error


def _advice(settings: FinetuneSettings) -> str:
    """Settings under ``finetune`` that need less memory, what costs least first."""
    options = []
    if settings.images_per_batch > 1:
        half = settings.images_per_batch // 2
        options.append(
            f"images_per_batch: {half} with gradient_accumulation_steps: "
            f"{-(-settings.images_per_batch * settings.gradient_accumulation_steps // half)} (learns the same)"
        )
    if settings.precision == "fp32":
        options.append("precision: bf16")
    if not settings.activation_checkpointing:
        options.append("activation_checkpointing: true")
    if settings.deepspeed != "zero3":
        options.append("deepspeed: zero3" if is_rank() else "deepspeed: zero2 with offload: optimizer")
    if settings.parts.language == "full":
        options.append("parts.language: lora")
    if settings.image_pixels is None or settings.image_pixels > 200_000:
        options.append("a smaller image_pixels, where the backbone keeps a picture's shape")
    return "; ".join(options)
