"""Memory of a recipe ahead of its activations, by the shapes of real models: ``python -m benchmarks.memory``.

The recipe's own code freezes and adapts a model of which no weight is stored; counted are its weights (bf16 where
frozen, else fp32; by QLoRA four bits and their scales), gradients (fp32) and AdamW's two moments (fp32), on one GPU
without DeepSpeed. Activations come on top: with activation checkpointing, for each layer one state a token, as printed
for one row. Shapes are those of the models' own ``config.json``.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    PretrainedConfig,
    Qwen3VLConfig,
    SmolVLMConfig,
)

from region_heads import RegionHeadsConfig, RegionHeadsModel
from region_heads.training.policies import apply
from region_heads.training.quantized import BLOCK
from region_heads.training.settings import TrainingPolicy


def shapes() -> dict[str, tuple[PretrainedConfig, int]]:
    """Configurations by name, each with the image tokens of a picture of 1920 x 1080 by default settings."""
    qwen = Qwen3VLConfig(
        text_config={
            "hidden_size": 4096, "num_hidden_layers": 36, "intermediate_size": 12288, "num_attention_heads": 32,
            "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
        },
        vision_config={
            "depth": 27, "hidden_size": 1152, "intermediate_size": 4304, "num_heads": 16, "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
    )  # fmt: skip
    smol = SmolVLMConfig(
        text_config=LlamaConfig(
            hidden_size=2048, num_hidden_layers=24, intermediate_size=8192, num_attention_heads=32,
            num_key_value_heads=32, vocab_size=49280,
        ),
        vision_config={
            "hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304, "num_attention_heads": 16,
            "image_size": 384, "patch_size": 14,
        },
        scale_factor=3,
    )  # fmt: skip
    llava = LlavaConfig(
        text_config=LlamaConfig(vocab_size=32064, max_position_embeddings=4096),
        vision_config=CLIPVisionConfig(
            hidden_size=1024, num_hidden_layers=24, intermediate_size=4096, num_attention_heads=16, image_size=336,
            patch_size=14, projection_dim=768,
        ),
    )  # fmt: skip
    return {"Qwen3-VL-8B": (qwen, 1020), "SmolVLM2-2.2B": (smol, 13 * 81), "LLaVA-7B": (llava, 576)}


RECIPES: dict[str, dict[str, Any]] = {
    "README: tower frozen, projector in full, language by LoRA 16": {
        "parts": {"vision": "frozen", "projector": "full", "language": "lora"}
    },
    "the same by QLoRA": {
        "parts": {"vision": "frozen", "projector": "full", "language": "lora"},
        "lora": {"quantize": "nf4"},
    },
    "all by LoRA 16": {"parts": {"vision": "lora", "projector": "lora", "language": "lora"}},
    "all in full": {},
}


def gibibytes(config: PretrainedConfig, recipe: dict[str, Any]) -> tuple[float, float, float]:
    """Weights; gradients and moments; and millions of weights that learn."""
    with torch.device("meta"):
        model = RegionHeadsModel(RegionHeadsConfig(backbone_config=config, image_token_grid=None, new_tokens=True))
        policy = TrainingPolicy.model_validate(recipe)
        quantizes = policy.lora.quantize != "none"
        # A weight that is not stored has no scale: what would be of four bits is counted instead.
        apply(policy.model_copy(update={"lora": policy.lora.model_copy(update={"quantize": "none"})}), model)
    layers: list[Any] = [module.base_layer for module in model.modules() if quantizes and isinstance(module, LoraLayer)]
    packed = sum(layer.weight.numel() for layer in layers if layer.in_features % BLOCK == 0)
    learning = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    frozen = sum(weight.numel() for weight in model.parameters() if not weight.requires_grad)
    # A scale of a byte for each block, and one of four for 256 of these.
    small = packed * (0.5 + (1 + 4 / 256) / BLOCK)
    return (2 * (frozen - packed) + small + 4 * learning) / 2**30, 12 * learning / 2**30, learning / 1e6


def main() -> None:
    for name, (config, image) in shapes().items():
        text = config.get_text_config()
        state = 2 * text.hidden_size * text.num_hidden_layers * (image + 60) / 2**30
        print(
            f"{name}: a row of one question, {image} + 60 tokens, keeps {state:.2f} GiB with activation checkpointing"
        )
        for title, recipe in RECIPES.items():
            weights, learning, count = gibibytes(config, recipe)
            print(f"  {title}: {weights:.1f} + {learning:.1f} GiB, {count:,.0f} million weights learn")


if __name__ == "__main__":
    main()
