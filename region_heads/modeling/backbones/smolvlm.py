"""SmolVLM: a SigLIP tower read tile by tile, a pixel shuffle, a causal language model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones.adapter import ImageFeatures, ImageTokens, encode_tiles, run_language_model

_TILES = 4
"""Tiles of a picture at most: what a 1080p frame needs to keep its shape; each is 64 tokens at 512 pixels."""


class SmolVLMAdapter:
    """Tiles are read one by one, as the family does, and their features put back into one map."""

    before_image = "<fake_token_around_image><global-img>"
    after_image = "<fake_token_around_image>"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        side, patch = config.vision_config.image_size, config.vision_config.patch_size
        return ImageFormat(unit=side, stride=patch * config.scale_factor, max_pixels=_TILES * side**2)

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor, grids_I2: Tensor) -> ImageFeatures:
        image = self.image_format(backbone.config)
        model = backbone.model
        patches = image.unit // backbone.config.vision_config.patch_size

        def encode(tiles: Tensor) -> Tensor:
            seen = torch.ones(len(tiles), patches, patches, dtype=torch.bool, device=tiles.device)
            features: Tensor = model.connector(model.vision_model(tiles, patch_attention_mask=seen).last_hidden_state)
            return features

        return ImageFeatures(encode_tiles(encode, pixels_ICHW, grids_I2, unit=image.unit, stride=image.stride))

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,  # noqa: ARG002 - for families that place pictures inside the language model
    ) -> Tensor:
        return run_language_model(backbone.model.text_model, embeddings_RLD, attention_mask, position_ids_RL)

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        model = backbone.model
        return {
            "vision": [model.vision_model],
            "projector": [model.connector],
            "language": [model.text_model, backbone.lm_head],
        }
