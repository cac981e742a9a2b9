"""A model that was trained in bf16 is saved, read and used as it was trained: equal answers, heads in fp32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.model import RegionHeadsModel
from region_heads.prediction import load, predict
from tests.region_heads.modeling.test_backbones import build_backbone, small
from tests.region_heads.modeling.test_routing import run as forward
from tests.region_heads.training.training_run import as_numbers, on_two_ranks, run

POLICIES: dict[str, dict[str, Any]] = {
    "full": {},
    "as in the README": {"parts": {"vision": "frozen", "language": "lora"}, "lora": {"rank": 4}},
    "adapters": {"parts": {"vision": "lora", "projector": "lora", "language": "lora"}, "lora": {"rank": 4}},
}


@pytest.fixture(params=[pytest.param("tiny", marks=pytest.mark.slow), "llava"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, built: tuple[RegionHeadsModel, RegionProcessor]) -> Any:
    if request.param == "tiny":
        return {}
    folder = tmp_path / "backbone"
    torch.manual_seed(0)
    build_backbone(small("llava")).save_pretrained(folder)
    built[1].tokenizer.save_pretrained(folder)
    return {"backbone": str(folder), "image_token_grid": None}


def check(model: Path, expected: Path, table: pa.Table, images: Path) -> None:
    """The folder answers what the trained model answered."""
    loaded = load(model)
    network = loaded.network
    assert network.config.backbone_precision == "bfloat16"
    assert {weight.dtype for weight in network.region_heads.parameters()} == {torch.float32}
    assert {weight.dtype for weight in network.region_encoder.parameters()} == {torch.float32}
    questions = RegionDataset(table, images, loaded.processor)
    batch = RegionDataCollator(loaded.processor)([questions[row] for row in range(10)])
    with torch.no_grad():
        now, before = as_numbers(forward(network, batch.unanswered)), json.loads(expected.read_text())
    given, then = torch.tensor(now["features"]), torch.tensor(before["features"])
    assert torch.allclose(given, then, rtol=2e-2, atol=2e-2 * float(then.abs().max()))
    # Adapters are merged by rounding, which turns a choice or a class that is in a tie, but not many.
    close = [
        torch.isclose(torch.tensor(one), torch.tensor(other), rtol=2e-2, atol=2e-2)
        for task, found in now["answers"].items()
        for one, other in zip(found, before["answers"][task], strict=True)
    ]
    assert torch.cat(close).double().mean() >= 0.8
    assert predict(model, table, images).num_rows == table.num_rows


@pytest.mark.parametrize("policy", POLICIES)
def test_what_was_trained_in_bf16_answers_the_same_when_read_back(
    policy: str, settings: Any, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    run(
        table, image_folder, tmp_path / "out", bf16=True, images_per_batch=3, policy=POLICIES[policy],
        settings=settings, save_to=str(tmp_path / "model"),
    )  # fmt: skip
    check(tmp_path / "model", tmp_path / "model.answers.json", table, image_folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "policy"),
    [*((preset, policy) for preset in ("zero2", "zero3") for policy in [*POLICIES][:2]), ("zero3", "adapters")],
)
def test_the_same_under_deepspeed(
    preset: str, policy: str, settings: Any, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    on_two_ranks(
        table, image_folder, tmp_path / "two", bf16=True, images_per_batch=1, preset=preset, policy=POLICIES[policy],
        settings=settings, save_to=str(tmp_path / "model"),
    )  # fmt: skip
    check(tmp_path / "model", tmp_path / "model.answers.json", table, image_folder)
