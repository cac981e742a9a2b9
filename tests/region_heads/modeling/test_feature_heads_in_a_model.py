"""`RegionHeads` as a part of a Hugging Face model of one's own: started, cast and refused as they are alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlavaForConditionalGeneration

from region_heads import RegionHeads, RegionHeadsConfig
from region_heads.errors import RegionHeadsError
from tests.region_heads.modeling.test_backbones import build_backbone, small


class Fork(LlavaForConditionalGeneration):  # type: ignore[misc, unused-ignore]
    """A LLaVA with the heads in it."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.region_heads = RegionHeads(RegionHeadsConfig(feature_size=64, geometry_size=4))
        self.post_init()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA without heads."""
    folder = tmp_path_factory.mktemp("llava")
    build_backbone(small("llava")).save_pretrained(folder)
    return folder


def test_a_checkpoint_without_heads_leaves_them_as_they_start(checkpoint: Path) -> None:
    alone = RegionHeads(RegionHeadsConfig(feature_size=64, geometry_size=4))
    heads = Fork.from_pretrained(checkpoint, dtype=torch.float32).region_heads
    for name, theirs in alone.state_dict().items():
        ours = heads.state_dict()[name]
        assert (ours == 0).all() == (theirs == 0).all(), name
        if theirs.numel() > 50 and theirs.std() > 0:
            assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.4), name


def test_a_checkpoint_with_heads_brings_them_back(checkpoint: Path, tmp_path: Path) -> None:
    model = Fork.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.no_grad():
        for weight in model.region_heads.parameters():
            weight.add_(1.0)
    model.save_pretrained(tmp_path)
    again = Fork.from_pretrained(tmp_path, dtype=torch.float32)
    ours, theirs = model.region_heads.state_dict(), again.region_heads.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"features": torch.zeros(2, 16)}, r"features: expected the dimensions \[B, N, D\], found \[2, 16\]"),
        (
            {"features": torch.zeros(2, 3, 16).numpy()},
            "features: expected a tensor, found ndarray; write torch.as_tensor",
        ),
        ({"labels": [1.0, 1.0]}, "labels: expected a tensor, found list"),
        (
            {"valid": torch.ones(2, 3, dtype=torch.long)},
            r"valid: expected bool, found torch.int64; write valid.bool\(\)",
        ),
    ],
)
def test_what_is_no_input_is_refused_in_words(given: dict[str, Any], words: str) -> None:
    heads = RegionHeads(RegionHeadsConfig(feature_size=16))
    known = {"features": torch.randn(2, 3, 16), "task_types": ["distance", "distance"]}
    with pytest.raises(RegionHeadsError, match=words):
        heads(**known | given)


def test_weights_that_were_cast_are_refused_with_what_to_do_and_work_when_it_is_done() -> None:
    heads = RegionHeads(RegionHeadsConfig(feature_size=16)).to(torch.bfloat16)
    features = torch.randn(2, 3, 16, dtype=torch.bfloat16)
    with pytest.raises(RegionHeadsError, match=r"found torch.bfloat16; .* call \.float\(\) on the heads"):
        heads(features, ["distance", "distance"])
    outputs, _ = heads.float()(features, ["distance", "distance"])
    assert outputs["distance"].answer.shape == (2,)
