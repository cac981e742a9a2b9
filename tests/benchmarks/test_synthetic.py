"""The questions that benchmarks make up are questions that the model reads."""

from __future__ import annotations

import pytest
import torch

from benchmarks.synthetic import llava, model_and_processor, questions
from region_heads.data.collator import RegionDataCollator
from region_heads.tasks import TASK_NAMES

_SIZES = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.mark.parametrize("share", [True, False])
def test_made_up_questions_are_answered_and_taught(share: bool) -> None:
    model, processor = model_and_processor(llava(tower=_SIZES | {"image_size": 28, "patch_size": 14}, text=_SIZES))
    batch = RegionDataCollator(processor)(questions(processor, images=2, per_image=4, tokens=30, share=share))
    output = model.eval()(batch=batch)
    assert torch.isfinite(output.loss)
    assert [len(output.outputs[task].answer) for task in TASK_NAMES] == [2] * len(TASK_NAMES)
