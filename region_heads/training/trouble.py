"""What goes wrong while a model trains, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from region_heads.errors import RegionHeadsError
from region_heads.training.checkpoints import last_checkpoint
from region_heads.training.ranks import is_rank
from region_heads.training.settings import FinetuneSettings

_OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


@contextmanager
def explained(settings: FinetuneSettings, checkpoints: Path) -> Iterator[None]:
    """Turns an exhausted memory into a :class:`RegionHeadsError` that says what needs less of it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
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
