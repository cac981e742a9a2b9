"""The program for a GPU runs, and says what it measured, also without one."""

from __future__ import annotations

import re
import sys

import pytest
import torch

from benchmarks import gpu, synthetic
from region_heads.data.collator import RegionDataCollator


@pytest.mark.slow
def test_the_recipe_runs_small_packed_and_separate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--small", "--images", "1", "--questions", "3", "--steps", "2", "--workers", "0"]
    monkeypatch.setattr(sys, "argv", ["gpu", *options])
    gpu.main()
    packed, separate = (line for line in capsys.readouterr().out.splitlines() if "questions/s" in line)
    line = r"[\d.]+ questions/s, [\d,]+ tokens/s, MFU .*, waiting [\d.]+%, .*, [\d.]+ s a step"
    assert re.fullmatch(rf"packed +{line}", packed)
    assert re.fullmatch(rf"separate +{line}", separate)


def test_needed_operations_leave_out_masked_pairs_and_padding() -> None:
    model, processor = synthetic.model_and_processor(gpu.small())
    model.backbone.requires_grad_(False)
    questions = synthetic.questions(processor, images=1, per_image=2, tokens=40, share=True)
    batches = [RegionDataCollator(kind)(questions) for kind in (processor, synthetic.unpacked(processor))]
    assert [len(batch.segments) for batch in batches] == [1, 2]
    packed, separate = (gpu.operations(model, [batch]) for batch in batches)
    prefix = int((batches[0].segments == 0).sum())
    text = model.config.backbone_config.get_text_config()
    weights = sum(weight.numel() for weight in model.backbone.model.language_model.layers.parameters())
    pairs = prefix * (prefix + 1) // 2  # of the prefix, which the second row computes again
    again = 4 * weights * prefix + 12 * text.num_hidden_layers * 32 * pairs
    assert separate - packed == pytest.approx(again)
    assert torch.isfinite(torch.tensor(packed))
