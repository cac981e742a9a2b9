"""InternVL, as transformers has it: a ViT read tile by tile, a pixel shuffle, a causal language model."""

from __future__ import annotations

from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import BICUBIC, ImageFormat
from region_heads.modeling.backbones.adapter import TileAdapter

_TILES = 12
"""Tiles of a picture at most, without the whole: a 1080p frame takes 2 x 4 and itself, 2304 tokens."""


class InternVLAdapter(TileAdapter):
    """Tiles in the arrangement nearest to the picture's shape, row after row, and then the whole unless it is one."""

    picture = "<IMG_CONTEXT>"
    before_image = "<img>"
    after_image = "</img>"
    tower, projector, language = "vision_tower", "multi_modal_projector", "language_model"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        side, patch = config.vision_config.image_size[0], config.vision_config.patch_size[0]
        return ImageFormat(
            unit=side,
            stride=round(patch / config.downsample_ratio),
            max_pixels=_TILES * side**2,
            overview=True,
            tiling="nearest shape",
            resample=BICUBIC,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
        )

    def encode(self, backbone: PreTrainedModel, tiles_TCHW: Tensor) -> Tensor:
        features: Tensor = backbone.model.get_image_features(tiles_TCHW, return_dict=True).pooler_output
        return features
