"""Which parts of the backbone are trained, and how: frozen, in full, or by low-rank adapters."""

from collections.abc import Mapping, Sequence
from itertools import chain

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones import adapter_for
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.quantized import dequantized, quantize
from region_heads.training.settings import Parts, Policy, TrainingPolicy

PARTS = tuple(Parts.model_fields)

WHOLE, ADAPTED = 1e-5, 1e-4
"""Usual peaks of the learning rate of pretrained weights, and of what is added to them."""


def apply(policy: TrainingPolicy, model: RegionHeadsModel) -> None:
    """Freezes and adapts the backbone's parts in place; every linear layer of a "lora" part gets an adapter.

    Raises:
        RegionHeadsError: No layer has a name of ``policy.lora.targets``.
    """
    parts = adapter_for(model.config.backbone_config).parts(model.backbone)
    chosen: dict[str, Policy] = {part: getattr(policy.parts, part) for part in PARTS}
    _add_adapters(policy, model, [module for part in parts if chosen[part] == "lora" for module in parts[part]])
    model.region_encoder.requires_grad_(True)  # adapters freeze everything else
    model.region_heads.requires_grad_(True)
    for added in (model.coordinates, model.word_states):
        if added is not None:
            added.requires_grad_(True)
    if model.new_tokens is not None:
        model.new_tokens.requires_grad_(True)
    # Weights of no part, such as a learned line break between crops, are trained with the language model.
    for weight in model.backbone.parameters():
        weight.requires_grad_(chosen["language"] == "full" and weight.is_floating_point())
    weights = {part: [pair for module in parts[part] for pair in module.named_parameters()] for part in parts}
    for _, weight in chain.from_iterable(weights.values()):
        weight.requires_grad_(False)
    for part, named in weights.items():
        for name, weight in named:
            if chosen[part] == "full" or ".lora_" in name:
                weight.requires_grad_(True)


def rates(policy: TrainingPolicy, model: RegionHeadsModel, *, heads: float, scratch: bool) -> dict[str, float]:
    """The peak learning rate of each weight by its name.

    Args:
        policy: How the parts are trained.
        model: The model that :func:`apply` adapted.
        heads: The rate of what starts from nothing: region encoder and heads.
        scratch: Whether the backbone starts from nothing, too.
    """
    usual = {part: heads if scratch else ADAPTED if getattr(policy.parts, part) == "lora" else WHOLE for part in PARTS}
    usual["new_tokens"] = heads if scratch else ADAPTED
    chosen = {name: getattr(policy.rates, name) or rate for name, rate in usual.items()}
    parts = adapter_for(model.config.backbone_config).parts(model.backbone)
    of_part = {id(weight): chosen[part] for part in PARTS for module in parts[part] for weight in module.parameters()}

    def rate(name: str, weight: Tensor) -> float:
        if name.startswith("backbone."):
            return of_part.get(id(weight), chosen["language"])
        return chosen["new_tokens"] if weight is model.new_tokens else heads

    return {name: rate(name, weight) for name, weight in model.named_parameters()}


def _add_adapters(policy: TrainingPolicy, model: RegionHeadsModel, adapted: Sequence[nn.Module]) -> None:
    """Gives every linear layer in ``adapted`` an adapter, but for the layer that puts out tokens."""
    held = {id(inner) for module in adapted for inner in module.modules()} - {
        id(model.backbone.get_output_embeddings())
    }
    # What attention in one piece puts out is linear, too, but its weight is read without calling it.
    read_directly = nn.modules.linear.NonDynamicallyQuantizableLinear
    linear = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not isinstance(module, read_directly) and id(module) in held
    ]
    wanted = policy.lora.targets
    unknown = sorted(set(wanted) - {name.rpartition(".")[2] for name in linear}) if linear else []
    if unknown:
        known = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
        raise RegionHeadsError(f"finetune.lora.targets: expected some of {known}, found {unknown[0]!r}")
    if policy.lora.quantize != "none":
        quantize(model, linear, arithmetic=getattr(torch, model.config.backbone_precision))
    targets = [name for name in linear if not wanted or name.rpartition(".")[2] in wanted]
    if targets:
        inject_adapter_in_model(
            LoraConfig(
                r=policy.lora.rank,
                lora_alpha=policy.lora.alpha,
                lora_dropout=policy.lora.dropout,
                use_rslora=policy.lora.rslora,
                use_dora=policy.lora.dora,
                target_modules=targets,
            ),
            model,
        )


def merged(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state in main memory, every adapter added to the weights that it adapts, under the names that those had before.

    Args:
        model: The model that :func:`apply` adapted.
        state: Its whole state, as ZeRO-3 gathers it; ``W + scale * B A`` is computed in fp32.
    """
    whole = dequantized(model, state)
    for name, module in model.named_modules():
        if not isinstance(module, LoraLayer):
            continue
        for adapter, scale in module.scaling.items():
            low, high = (whole.pop(f"{name}.lora_{side}.{adapter}.weight") for side in "AB")
            weight = whole[f"{name}.base_layer.weight"]
            # In fp32 also where the frozen weight was kept in bf16, of whose digits the update is often less than one.
            weight = weight.float() + scale * (high.float() @ low.float())
            magnitude = whole.pop(f"{name}.lora_magnitude_vector.{adapter}.weight", None)  # of DoRA
            if magnitude is not None:
                weight *= (magnitude.float() / weight.norm(dim=1))[:, None]
            whole[f"{name}.base_layer.weight"] = weight
    return {name.replace(".base_layer.", "."): weight for name, weight in whole.items()}


def halve_frozen(model: RegionHeadsModel) -> None:
    """Keeps weights that are not trained in bf16: they take half the memory and are rounded to it in use anyway."""
    for weight in model.backbone.parameters():
        if not weight.requires_grad and weight.is_floating_point():  # weights of four bits are smaller already
            weight.data = weight.data.to(torch.bfloat16)
