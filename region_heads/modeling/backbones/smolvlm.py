"""SmolVLM: a SigLIP tower read tile by tile, a pixel shuffle, a causal language model."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import LANCZOS, ImageFormat
from region_heads.modeling.backbones.adapter import TileAdapter

_TILES = 4
"""Tiles along the longer side, as both generations have it: a 1080p frame takes 12 and itself, 832 tokens."""


class SmolVLMAdapter(TileAdapter):
    """Tiles are read one by one and then the whole, as the family does; regions are read from the tiles' one map."""

    picture = "<image>"
    before_image = "<fake_token_around_image><global-img>"
    before_tile = "<fake_token_around_image><row_{row}_col_{column}>"
    after_image = "<fake_token_around_image>"
    tower, projector, language = "vision_model", "connector", "text_model"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        side, patch = config.vision_config.image_size, config.vision_config.patch_size
        return ImageFormat(
            unit=side,
            stride=patch * config.scale_factor,
            max_pixels=(_TILES * side) ** 2,
            overview=True,
            resample=LANCZOS,
        )

    def encode(self, backbone: PreTrainedModel, tiles_TCHW: Tensor) -> Tensor:
        model, vision = backbone.model, backbone.config.vision_config
        patches = vision.image_size // vision.patch_size
        seen = torch.ones(len(tiles_TCHW), patches, patches, dtype=torch.bool, device=tiles_TCHW.device)
        features: Tensor = model.connector(model.vision_model(tiles_TCHW, patch_attention_mask=seen).last_hidden_state)
        return features
