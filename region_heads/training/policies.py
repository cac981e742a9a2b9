"""Which parts of the backbone are trained, and how: frozen, in full, or by low-rank adapters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from region_heads.modeling.backbones import adapter_for
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.settings import Parts, Policy, TrainingPolicy

PARTS = tuple(Parts.model_fields)


def apply(policy: TrainingPolicy, model: RegionHeadsModel) -> None:
    """Freezes and adapts the backbone's parts in place; every linear layer of a "lora" part gets an adapter."""
    parts = adapter_for(model.config.backbone_config).parts(model.backbone)
    chosen: dict[str, Policy] = {part: getattr(policy.parts, part) for part in PARTS}
    _add_adapters(policy, model, [module for part in parts if chosen[part] == "lora" for module in parts[part]])
    model.region_encoder.requires_grad_(True)  # adapters freeze everything else
    model.region_heads.requires_grad_(True)
    # Weights of no part, such as a learned line break between crops, are trained with the language model.
    model.backbone.requires_grad_(chosen["language"] == "full")
    weights = {part: [pair for module in parts[part] for pair in module.named_parameters()] for part in parts}
    for _, weight in chain.from_iterable(weights.values()):
        weight.requires_grad_(False)
    for part, named in weights.items():
        for name, weight in named:
            if chosen[part] == "full" or ".lora_" in name:
                weight.requires_grad_(True)


def _add_adapters(policy: TrainingPolicy, model: RegionHeadsModel, adapted: Sequence[nn.Module]) -> None:
    """Gives every linear layer in ``adapted`` an adapter, but for the layer that puts out tokens."""
    held = {id(inner) for module in adapted for inner in module.modules()} - {
        id(model.backbone.get_output_embeddings())
    }
    targets = [name for name, module in model.named_modules() if isinstance(module, nn.Linear) and id(module) in held]
    if targets:
        inject_adapter_in_model(
            LoraConfig(
                r=policy.lora.rank,
                lora_alpha=policy.lora.alpha,
                lora_dropout=policy.lora.dropout,
                target_modules=targets,
            ),
            model,
        )


def merged(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state with every adapter added to the weights that it adapts, under the names that those had before.

    Args:
        model: The model that :func:`apply` adapted.
        state: Its whole state, as ZeRO-3 gathers it; ``W + scale * B A`` is computed in fp32.
    """
    whole = dict(state)
    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        for adapter, scale in module.scaling.items():
            low, high = (whole.pop(f"{name}.lora_{side}.{adapter}.weight") for side in "AB")
            weight = whole[f"{name}.base_layer.weight"]
            # In fp32 also where the frozen weight was kept in bf16, of whose digits the update is often less than one.
            whole[f"{name}.base_layer.weight"] = weight.float() + scale * (high.float() @ low.float())
    return {name.replace(".base_layer.", "."): weight for name, weight in whole.items()}


def halve_frozen(model: RegionHeadsModel) -> None:
    """Keeps weights that are not trained in bf16: they take half the memory and are rounded to it in use anyway."""
    for weight in model.backbone.parameters():
        if not weight.requires_grad:
            weight.data = weight.data.to(torch.bfloat16)
