"""LLaVA and LLaVA-OneVision: a ViT, a two-layer projector, a causal language model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones.adapter import ImageFeatures, ImageTokens, encode_tiles, run_language_model

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class LlavaAdapter:
    """Both read one square picture; OneVision's towers come without a class token.

    OneVision's extra crops of large pictures are left out: the picture is read once, as the model reads each of several
    pictures.
    """

    before_image = ""
    after_image = ""

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        vision = config.vision_config
        # A side that is no multiple of the patch (384 / 14) is cut to the patches that the tower reads.
        side = vision.image_size // vision.patch_size * vision.patch_size
        colours = {"mean": CLIP_MEAN, "std": CLIP_STD} if vision.model_type == "clip_vision_model" else {}
        return ImageFormat(
            unit=side, stride=vision.patch_size, max_pixels=side**2, channels=vision.num_channels, **colours
        )

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor, grids_I2: Tensor) -> ImageFeatures:
        image = self.image_format(backbone.config)
        model = backbone.model

        def encode(tiles: Tensor) -> Tensor:
            states = model.vision_tower(tiles, output_hidden_states=True).hidden_states
            layers = model.config.vision_feature_layer
            layers = [layers] if isinstance(layers, int) else layers
            first = 1 if model.config.vision_feature_select_strategy == "default" else 0
            features: Tensor = model.multi_modal_projector(
                torch.cat([states[layer][:, first:] for layer in layers], -1)
            )
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
        return run_language_model(backbone.model.language_model, embeddings_RLD, attention_mask, position_ids_RL)

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        model = backbone.model
        return {
            "vision": [model.vision_tower],
            "projector": [model.multi_modal_projector],
            "language": [model.language_model, backbone.lm_head],
        }
