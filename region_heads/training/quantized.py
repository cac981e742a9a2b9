"""Frozen weights of four bits under adapters, by bitsandbytes (QLoRA, arXiv:2305.14314)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from region_heads.errors import RegionHeadsError

BLOCK = 64
"""Weights that share a scale."""

_STATE = "quant_state.bitsandbytes__nf4"  # the last part of the keys that describe a weight of this kind


def quantize(model: nn.Module, names: Sequence[str], *, arithmetic: torch.dtype) -> None:
    """Puts layers of four bits (NF4, scales quantised, too) in the place of the linear layers of these names.

    They compute in ``arithmetic`` and are not trained. Layers whose width is not made of whole blocks stay as they are:
    bitsandbytes 0.50 reads their scales from the wrong places on a CPU, in silence.

    Raises:
        RegionHeadsError: That is all of them.
    """
    modules = {name: model.get_submodule(name) for name in names}
    packed = {
        name: module
        for name, module in modules.items()
        if isinstance(module, nn.Linear) and module.in_features % BLOCK == 0
    }
    if not packed:
        raise RegionHeadsError(
            f"finetune.lora.quantize: expected linear layers whose width is a multiple of {BLOCK} in the parts that "
            'are trained by adapters, found none; set it to "none"'
        )
    import bitsandbytes as bnb

    class FourBits(bnb.nn.Linear4bit):  # type: ignore[misc, unused-ignore]  # bitsandbytes is not typed throughout
        """Is read from a checkpoint as it was written there, where bitsandbytes writes more than it reads."""

        def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *others: Any) -> None:
            scales = {key: state.pop(key) for key in list(state) if key.startswith(f"{prefix}weight.")}
            if scales:
                packed = state[f"{prefix}weight"]
                self.weight = bnb.nn.Params4bit.from_prequantized(
                    packed, {key.removeprefix(f"{prefix}weight."): part for key, part in scales.items()},
                    device=self.weight.device, module=self,
                )  # fmt: skip
            super()._load_from_state_dict(state, prefix, *others)

    for name, linear in packed.items():
        layer = FourBits(
            linear.in_features, linear.out_features, bias=linear.bias is not None, compute_dtype=arithmetic,
            quant_type="nf4", device="meta",
        )  # fmt: skip
        # Else evaluation on some CPUs would lay weights out anew, and training would go on from that.
        layer.support_avx512bf16_for_cpu = False
        layer.weight = bnb.nn.Params4bit(
            linear.weight.data.to(arithmetic), requires_grad=False, quant_type="nf4", module=layer
        )
        layer.bias = linear.bias
        model.set_submodule(name, layer.to(linear.weight.device))


def dequantized(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's state in main memory, in which weights of four bits are the fp32 numbers that they stand for.

    A GPU that holds a model of four bits has no room for it in fp32.
    """
    whole = {name: weight.cpu() for name, weight in state.items()}
    for key in [key for key in whole if key.endswith(f".{_STATE}")]:
        name = key.removesuffix(f".weight.{_STATE}")
        import bitsandbytes as bnb

        weight: Any = model.get_submodule(name).weight
        for part in [other for other in whole if other.startswith(f"{name}.weight.")]:
            del whole[part]
        whole[f"{name}.weight"] = bnb.functional.dequantize_4bit(weight.data, weight.quant_state).float().cpu()
    return whole
