"""LLaVA and LLaVA-OneVision: a ViT, a two-layer projector, a causal language model."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones.adapter import TileAdapter

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class LlavaAdapter(TileAdapter):
    """Both read one square picture; OneVision's towers come without a class token.

    OneVision's extra crops of large pictures are left out: the picture is read once, as the model reads each of several
    pictures.
    """

    before_image = ""
    after_image = ""
    tower, projector, language = "vision_tower", "multi_modal_projector", "language_model"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        vision = config.vision_config
        # A side that is no multiple of the patch (384 / 14) is cut to the patches that the tower reads.
        side = vision.image_size // vision.patch_size * vision.patch_size
        plain = ImageFormat(unit=side, stride=vision.patch_size, max_pixels=side**2, channels=vision.num_channels)
        return replace(plain, mean=CLIP_MEAN, std=CLIP_STD) if vision.model_type == "clip_vision_model" else plain

    def encode(self, backbone: PreTrainedModel, tiles_TCHW: Tensor) -> Tensor:
        model = backbone.model
        states = model.vision_tower(tiles_TCHW, output_hidden_states=True).hidden_states
        layers = model.config.vision_feature_layer
        layers = [layers] if isinstance(layers, int) else layers
        first = 1 if model.config.vision_feature_select_strategy == "default" else 0
        features: Tensor = model.multi_modal_projector(torch.cat([states[layer][:, first:] for layer in layers], -1))
        return features
