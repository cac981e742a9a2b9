"""Parts of a backbone are frozen, trained in full or adapted, each by its own policy."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest
import torch

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones import adapter_for
from region_heads.modeling.batch import Batch
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.deepspeed_config import deepspeed_config
from region_heads.training.policies import PARTS, apply, merged, rates
from region_heads.training.settings import Lora, Parts, Rates, TrainingPolicy
from tests.region_heads.modeling.test_routing import run

Built = tuple[RegionHeadsModel, RegionProcessor]


def weights_of(model: RegionHeadsModel, part: str) -> dict[str, torch.nn.Parameter]:
    modules = adapter_for(model.config.backbone_config).parts(model.backbone)[part]
    return {f"{number}.{name}": w for number, module in enumerate(modules) for name, w in module.named_parameters()}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["frozen", "lora"])
def test_a_policy_changes_its_part_alone(built: Built, part: str, how: str) -> None:
    model = copy.deepcopy(built[0])
    apply(TrainingPolicy.model_validate({"parts": {part: how}, "lora": {"rank": 4}}), model)
    for name, weight in weights_of(model, part).items():
        assert weight.requires_grad == (how == "lora" and "lora_" in name), name
    for other in set(PARTS) - {part}:
        assert all(weight.requires_grad for weight in weights_of(model, other).values())
    assert all(weight.requires_grad for weight in model.region_encoder.parameters())
    assert all(weight.requires_grad for weight in model.region_heads.parameters())


@torch.no_grad()
def adapted_and_merged(
    model: RegionHeadsModel, original: RegionHeadsModel, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states of ``model`` with adapters drawn at random, and of ``original`` with these merged into it."""
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))
    plain = copy.deepcopy(original)
    plain.load_state_dict(merged(model, model.state_dict()))
    adapted, again = run(model, batch).hidden_states, run(plain, batch).hidden_states
    assert adapted is not None
    assert again is not None
    return adapted, again


@pytest.mark.parametrize("kind", [{}, {"rslora": True}, {"dora": True}, {"targets": ["q_proj", "v_proj"]}])
def test_adapters_start_as_nothing_and_are_merged_without_a_trace(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, table: pa.Table, kind: dict[str, Any]
) -> None:
    batch = collate([dataset[row] for row in range(table.num_rows)])
    model = copy.deepcopy(built[0])
    lora = TrainingPolicy(
        parts=Parts(vision="lora", projector="lora" if not kind else "full", language="lora"),
        lora=Lora(rank=4, alpha=8, **kind),
    )
    apply(lora, model)
    with torch.no_grad():
        before = run(built[0], batch).hidden_states
        started = run(model, batch).hidden_states
    adapted, again = adapted_and_merged(model, built[0], batch)
    assert before is not None
    assert started is not None
    assert torch.allclose(started, before, atol=1e-6)
    assert torch.allclose(adapted, again, atol=1e-4)
    assert not torch.allclose(adapted, before, atol=1e-2)


def test_each_part_has_a_rate_of_its_own_and_what_is_new_the_highest(built: Built) -> None:
    model = copy.deepcopy(built[0])
    policy = TrainingPolicy(parts=Parts(vision="frozen", language="lora"), rates=Rates(projector=3e-5))
    apply(policy, model)
    found = rates(policy, model, heads=2e-3, scratch=False)
    for name, rate in found.items():
        expected = {"vision": 1e-5, "multi": 3e-5, "language": 1e-4}
        part = name.removeprefix("backbone.model.").split("_")[0] if name.startswith("backbone.") else ""
        assert rate == expected.get(part, 2e-3 if not part else 1e-4), name
    assert set(rates(TrainingPolicy(), model, heads=2e-3, scratch=True).values()) == {2e-3}


def test_layers_for_adapters_that_are_none_of_the_backbones_are_reported(built: Built) -> None:
    policy = TrainingPolicy(parts=Parts(language="lora"), lora=Lora(targets=["q_proj", "wqkv"]))
    with pytest.raises(RegionHeadsError, match=r"lora.targets: expected some of .*q_proj.*, found 'wqkv'"):
        apply(policy, copy.deepcopy(built[0]))


def test_presets_say_what_deepspeed_shares_out() -> None:
    assert deepspeed_config("none") is None
    for stage in (0, 2, 3):
        config = deepspeed_config(f"zero{stage}")
        assert config is not None
        assert config["zero_optimization"]["stage"] == stage
        assert config["gradient_clipping"] == "auto", "DeepSpeed would clip at 1.0 by itself"
    offloaded = deepspeed_config("zero3", "all")
    assert offloaded is not None
    assert {"offload_optimizer", "offload_param"} <= set(offloaded["zero_optimization"])
    for preset, offload in (("none", "optimizer"), ("zero0", "optimizer"), ("zero2", "all")):
        with pytest.raises(ValueError, match=rf"offload '{offload}' needs preset .*, found {preset}"):
            deepspeed_config(preset, offload)
