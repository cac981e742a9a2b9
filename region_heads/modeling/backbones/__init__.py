"""Backbones: one small adapter for each family of image-text models, and the ``tiny`` preset.

An adapter says what pictures the family reads, how to get image features in the language model's space, and how to run
the language model on embeddings. Everything else is the same for all backbones.
"""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PretrainedConfig, PreTrainedModel

from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones.adapter import Adapter
from region_heads.modeling.backbones.internvl import InternVLAdapter
from region_heads.modeling.backbones.llava import LlavaAdapter, LlavaNextAdapter, LlavaOnevisionAdapter
from region_heads.modeling.backbones.qwen import Qwen3VLAdapter, QwenVLAdapter
from region_heads.modeling.backbones.smolvlm import SmolVLMAdapter

ADAPTERS: dict[str, Adapter] = {
    "internvl": InternVLAdapter(),
    "llava": LlavaAdapter(),
    "llava_next": LlavaNextAdapter(),
    "llava_onevision": LlavaOnevisionAdapter(),
    "qwen2_vl": QwenVLAdapter(),
    "qwen2_5_vl": QwenVLAdapter(),
    "qwen3_vl": Qwen3VLAdapter(),
    "qwen3_vl_moe": Qwen3VLAdapter(),
    "idefics3": SmolVLMAdapter(),  # SmolVLM's first generation
    "smolvlm": SmolVLMAdapter(),
}
"""Adapters by ``model_type`` of the backbone's configuration."""

_LEFT_OUT = {
    "gemma3": "its image tokens see each other in both directions and most of its layers a window of tokens, which the "
    "rows here do not express",
}
"""Families that were looked at, with the reason why they are refused."""


def adapter_for(config: PretrainedConfig) -> Adapter:
    """The adapter of a backbone.

    Raises:
        RegionHeadsError: The family is not supported; the message names those that are.
    """
    try:
        return ADAPTERS[config.model_type]
    except KeyError:
        reason = _LEFT_OUT.get(config.model_type)
        raise RegionHeadsError(
            f"backbone of type {config.model_type!r} is not supported{f' ({reason})' if reason else ''}; supported: "
            f"{', '.join(ADAPTERS)} and the preset 'tiny'. Set finetune.backbone in params.yaml to one of these"
        ) from None


def load_backbone_config(name_or_path: str) -> PretrainedConfig:
    """The configuration of a pretrained backbone by Hugging Face name or folder.

    Raises:
        RegionHeadsError: It cannot be read, or its family is not supported.
    """
    try:
        config = AutoConfig.from_pretrained(name_or_path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        known = "a folder with config.json" if Path(name_or_path).exists() else "a model name or a folder"
        raise RegionHeadsError(
            f"backbone {name_or_path!r}: expected {known}, or 'tiny'; could not read its configuration: {error}"
        ) from None
    adapter_for(config)
    return config


def build_backbone(config: PretrainedConfig) -> PreTrainedModel:
    """The image-text model of ``config`` with fresh weights."""
    # In fp32 whatever the configuration was saved with: see `region_heads.modeling.model` for what it computes in.
    model: PreTrainedModel = AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    return model
