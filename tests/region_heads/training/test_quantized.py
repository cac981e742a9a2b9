"""QLoRA: weights of four bits under adapters, by the real bitsandbytes; trained, resumed, saved and used."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from bitsandbytes.nn import Linear4bit

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones import build_backbone
from region_heads.modeling.loading import read_weights
from region_heads.modeling.model import RegionHeadsModel
from region_heads.prediction import load, predict
from region_heads.training.arguments import RegionTrainingArguments, training_arguments
from region_heads.training.policies import apply
from region_heads.training.quantized import dequantized, quantize
from region_heads.training.settings import FinetuneSettings, TrainingPolicy, TrainingSettings
from tests.region_heads.modeling.small_backbones import small
from tests.region_heads.modeling.test_routing import run as forward
from tests.region_heads.training.test_policies import adapted_and_merged
from tests.region_heads.training.test_trainer import StopAt
from tests.region_heads.training.training_run import as_numbers, run

Built = tuple[RegionHeadsModel, RegionProcessor]
_POLICY: dict[str, Any] = {
    "parts": {"vision": "lora", "projector": "full", "language": "lora"},
    "lora": {"rank": 4, "alpha": 8, "quantize": "nf4"},
}


@pytest.fixture
def backbone(tmp_path: Path, built: Built) -> dict[str, Any]:
    """Settings of a small Qwen2.5-VL on disk, wide enough for whole blocks."""
    torch.manual_seed(0)
    config = small("qwen2_5_vl")
    config.text_config.update({"hidden_size": 64, "num_attention_heads": 8})
    config.vision_config.out_hidden_size = 64
    build_backbone(config).save_pretrained(tmp_path / "backbone")
    built[1].tokenizer.save_pretrained(tmp_path / "backbone")
    return {"backbone": str(tmp_path / "backbone"), "image_pixels": 64 * 32**2}


@pytest.mark.parametrize("kind", [{}, {"targets": ["q_proj"]}, {"dora": True}])
def test_four_bits_are_near_the_weights_and_are_merged_as_they_were_used(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, kind: dict[str, Any]
) -> None:
    batch = collate([dataset[row] for row in range(10)])
    model = copy.deepcopy(built[0])
    whole_blocks = [
        module
        for part in (model.backbone.model.vision_tower, model.backbone.model.language_model)
        for module in part.modules()
        if isinstance(module, torch.nn.Linear) and module.in_features % 64 == 0
    ]
    apply(TrainingPolicy.model_validate(_POLICY | {"lora": _POLICY["lora"] | kind}), model)
    four = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert len(four) == len(whole_blocks) > 0
    assert all(module.weight.dtype == torch.uint8 and not module.weight.requires_grad for module in four)
    assert not isinstance(model.backbone.get_output_embeddings(), Linear4bit)
    with torch.no_grad():
        before, started = (forward(one, batch).hidden_states for one in (built[0], model))
    adapted, again = adapted_and_merged(model, built[0], batch)
    assert before is not None and started is not None
    assert not torch.allclose(started, before)
    numbers = dequantized(model, model.state_dict())
    for name, weight in built[0].state_dict().items():
        inner, _, last = name.rpartition(".")
        found = numbers.get(name, numbers.get(f"{inner}.base_layer.{last}"))
        assert found is not None
        assert float((found - weight).norm()) <= 0.12 * float(weight.norm())
    assert torch.allclose(adapted, again, atol=1e-4)
    assert not torch.allclose(adapted, started, atol=1e-2)


@pytest.mark.parametrize("bf16", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_trained_model_is_saved_without_four_bits_and_answers_as_it_was_trained(
    backbone: dict[str, Any], table: pa.Table, image_folder: Path, tmp_path: Path, bf16: bool
) -> None:
    saved = tmp_path / "model"
    run(
        table, image_folder, tmp_path / "run", settings=backbone, policy=_POLICY, save_to=str(saved), max_steps=3,
        bf16=bf16, optim="adamw_torch",
    )  # fmt: skip
    kept = read_weights(saved)
    assert all(weight.is_floating_point() for weight in kept.values())
    assert not [name for name in kept if "lora" in name or "quant" in name or "absmax" in name]
    loaded = load(saved)
    questions = RegionDataset(table, image_folder, loaded.processor)
    batch = RegionDataCollator(loaded.processor)([questions[row] for row in range(10)])
    with torch.no_grad():
        now = as_numbers(forward(loaded.network, batch.unanswered))
    then = json.loads(Path(f"{saved}.answers.json").read_text())
    given, expected = torch.tensor(now["features"]), torch.tensor(then["features"])
    tolerance = 3e-2 if bf16 else 1e-3
    assert torch.allclose(given, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max()))
    assert predict(saved, table, image_folder).num_rows == table.num_rows


def test_a_resumed_run_equals_one_that_was_never_stopped(
    backbone: dict[str, Any], table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {
        "settings": backbone, "policy": _POLICY, "max_steps": 5, "save_strategy": "steps", "save_steps": 2,
        "images_per_batch": 1, "optim": "adamw_bnb_8bit",
    }  # fmt: skip
    whole = run(table, image_folder, tmp_path / "whole", **options)
    run(table, image_folder, tmp_path / "cut", callbacks=[StopAt(2)], **options)
    resumed = run(table, image_folder, tmp_path / "cut", resume=str(tmp_path / "cut" / "checkpoint-2"), **options)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "adamw_8bit", "adafactor"])
def test_every_optimizer_lowers_the_loss(table: pa.Table, image_folder: Path, tmp_path: Path, optimizer: str) -> None:
    settings = TrainingSettings.model_validate({"optimizer": optimizer})
    chosen: RegionTrainingArguments = training_arguments(settings, table, tmp_path)
    losses: list[float] = []

    class Watch(StopAt):
        def on_log(self, _args: Any, _state: Any, _control: Any, logs: dict[str, float], **_others: Any) -> None:
            losses.extend([logs["loss"]] if "loss" in logs else [])

    run(
        table, image_folder, tmp_path / "run", optim=chosen.optim.value, logging_steps=1, num_train_epochs=6,
        learning_rate=2e-3, max_grad_norm=1.0, callbacks=[Watch(10**6)],
    )  # fmt: skip
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            _POLICY | {"deepspeed": "zero2"},
            r'finetune.lora.quantize: expected finetune.deepspeed "none", found "zero2"',
        ),
        ({"optimizer": "adamw_8bit", "deepspeed": "zero3"}, r"finetune.optimizer: expected finetune.deepspeed"),
        ({"optimizer": "adafactor", "deepspeed": "zero2"}, r"finetune.optimizer: expected finetune.deepspeed"),
        ({"lora": {"quantize": "nf4"}}, r"finetune.lora.quantize: expected a part that is trained by adapters"),
    ],
)
def test_what_four_bits_cannot_be_combined_with_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(RegionHeadsError, match=words):
        FinetuneSettings.model_validate(given).check()


@pytest.mark.parametrize("given", [_POLICY, _POLICY | {"optimizer": "adafactor"}, {"optimizer": "adamw_8bit"}])
def test_without_bitsandbytes_the_extra_is_named(given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    FinetuneSettings(optimizer="adafactor").check()
    with pytest.raises(RegionHeadsError, match=r"bitsandbytes is not installed here; pip install 'region-heads\[quan"):
        FinetuneSettings.model_validate(given).check()


def test_four_bits_of_one_part_leave_another_to_be_trained_in_full(built: Built) -> None:
    model = copy.deepcopy(built[0])
    parts = {"vision": "lora", "projector": "full", "language": "full"}
    apply(TrainingPolicy.model_validate(_POLICY | {"parts": parts}), model)
    assert any(isinstance(module, Linear4bit) for module in model.backbone.model.vision_tower.modules())
    assert all(weight.requires_grad for weight in model.backbone.model.language_model.parameters())


def test_layers_of_no_whole_blocks_alone_are_refused(built: Built) -> None:
    with pytest.raises(RegionHeadsError, match=r"expected linear layers whose width is a multiple of 64 .* found none"):
        quantize(copy.deepcopy(built[0]), ["region_encoder.amounts"], arithmetic=torch.float32)


@pytest.mark.slow
def test_bitsandbytes_says_nothing_to_those_who_do_not_use_it() -> None:
    words = subprocess.run(
        [sys.executable, "-c", "import region_heads.training.policies"], capture_output=True, text=True, check=True
    )
    assert words.stdout + words.stderr == ""
