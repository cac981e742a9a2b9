"""What goes wrong while a model trains is told in words, with what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.training.checkpoints import seal
from region_heads.training.settings import Params
from region_heads.training.trouble import explained


def test_an_exhausted_memory_names_what_needs_less(tmp_path: Path) -> None:
    import torch

    (tmp_path / "checkpoint-8").mkdir()
    (tmp_path / "checkpoint-8" / "trainer_state.json").touch()
    seal(tmp_path / "checkpoint-8")
    with pytest.raises(RegionHeadsError) as caught, explained(Params(images_per_batch=6), tmp_path):
        torch.empty(10**15)
    words = str(caught.value)
    assert words.startswith("out of memory with 6 images in a batch")
    assert "images_per_batch: 3 with gradient_accumulation_steps: 2 (learns the same)" in words
    assert "precision: bf16" in words
    assert f"The last checkpoint is {tmp_path}/checkpoint-8" in words


def test_what_is_set_already_is_not_advised(tmp_path: Path) -> None:
    params = Params.model_validate(
        {
            "images_per_batch": 1, "precision": "bf16", "activation_checkpointing": True, "deepspeed": "zero3",
            "parts": {"language": "lora"},
        }
    )  # fmt: skip
    with pytest.raises(RegionHeadsError) as caught, explained(params, tmp_path):
        raise MemoryError
    for advice in ("images_per_batch:", "bf16", "activation_checkpointing", "zero", "lora"):
        assert advice not in str(caught.value)


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(Params(), tmp_path):
        raise RuntimeError("shapes do not fit")
