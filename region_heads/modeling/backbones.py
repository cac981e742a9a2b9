"""Backbones: one small adapter for each family of image-text models, and the ``tiny`` preset.

An adapter says how to build the model, how to get image features in the language model's space, and how to run
the language model on embeddings. Everything else is the same for all backbones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    PretrainedConfig,
    PreTrainedModel,
)

from region_heads.errors import RegionHeadsError


class Adapter(Protocol):
    """How to reach the parts of one family of image-text models."""

    def grid(self, config: PretrainedConfig) -> tuple[int, int]:
        """Rows and columns of the feature map of one image."""

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor) -> Tensor:
        """Features ``[I, P, D]`` of images in the language model's space, row by row."""

    def hidden_states(
        self, backbone: PreTrainedModel, embeddings_BSD: Tensor, attention_mask: Tensor, position_ids: Tensor | None
    ) -> Tensor:
        """Last hidden states ``[B, S, D]`` of the language model."""


class LlavaAdapter:
    """LLaVA: a ViT, a two-layer projector, a causal language model."""

    def grid(self, config: PretrainedConfig) -> tuple[int, int]:
        side = config.vision_config.image_size // config.vision_config.patch_size
        return side, side

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor) -> Tensor:
        features = backbone.model.get_image_features(pixel_values=pixels_ICHW, return_dict=True).pooler_output
        return torch.stack(list(features))

    def hidden_states(
        self, backbone: PreTrainedModel, embeddings_BSD: Tensor, attention_mask: Tensor, position_ids: Tensor | None
    ) -> Tensor:
        hidden: Tensor = backbone.model.language_model(
            inputs_embeds=embeddings_BSD,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state
        return hidden


ADAPTERS: dict[str, Adapter] = {"llava": LlavaAdapter()}
"""Adapters by ``model_type`` of the backbone's configuration."""


def adapter_for(config: PretrainedConfig) -> Adapter:
    """The adapter of a backbone.

    Raises:
        RegionHeadsError: The family is not supported; the message names those that are.
    """
    try:
        return ADAPTERS[config.model_type]
    except KeyError:
        raise RegionHeadsError(
            f"backbone of type {config.model_type!r} is not supported; supported: {', '.join(ADAPTERS)} "
            "and the preset 'tiny'. Set finetune.backbone in params.yaml to one of these"
        ) from None


def tiny_config(*, vocab_size: int) -> LlavaConfig:
    """A LLaVA-shaped backbone of under a million parameters, to be trained from scratch in minutes on a CPU.

    Its images have five channels: red, green, blue, depth and height above the floor
    (``region_heads.data.images``). Width and depth follow the recipe that the project started from.
    """
    return LlavaConfig(
        vision_config=CLIPVisionConfig(
            num_channels=5,
            image_size=192,
            patch_size=8,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            vocab_size=vocab_size,
            hidden_size=96,
            intermediate_size=256,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=6,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
        ),
        image_token_index=0,  # image tokens are placed by position, never looked up
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )


def load_backbone_config(name_or_path: str) -> PretrainedConfig:
    """The configuration of a pretrained backbone by Hugging Face name or folder.

    Raises:
        RegionHeadsError: It cannot be read, or its family is not supported.
    """
    try:
        config = AutoConfig.from_pretrained(name_or_path)
    except (OSError, ValueError) as error:
        known = "a folder with config.json" if Path(name_or_path).exists() else "a model name or a folder"
        raise RegionHeadsError(
            f"backbone {name_or_path!r}: expected {known}, or 'tiny'; could not read its configuration: {error}"
        ) from None
    adapter_for(config)
    return config


def build_backbone(config: PretrainedConfig) -> PreTrainedModel:
    """The image-text model of ``config`` with fresh weights."""
    model: PreTrainedModel = AutoModelForImageTextToText.from_config(config)
    return model
