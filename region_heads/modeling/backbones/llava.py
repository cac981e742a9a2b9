"""LLaVA, LLaVA-NeXT and LLaVA-OneVision: a ViT, a two-layer projector, a causal language model."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import BICUBIC, ImageFormat
from region_heads.modeling.backbones.adapter import ImageFeatures, TileAdapter

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class LlavaAdapter(TileAdapter):
    """One square picture; stretched to it, where LLaVA's own processor cuts off what is longer, regions and all."""

    picture = "<image>"
    before_image = ""
    after_image = ""
    tower, projector, language = "vision_tower", "multi_modal_projector", "language_model"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        vision = config.vision_config
        # A side that is no multiple of the patch (384 / 14) is cut to the patches that the tower reads.
        side = vision.image_size // vision.patch_size * vision.patch_size
        plain = ImageFormat(
            unit=side, stride=vision.patch_size, max_pixels=side**2, channels=vision.num_channels, resample=BICUBIC
        )
        return replace(plain, mean=CLIP_MEAN, std=CLIP_STD) if vision.model_type == "clip_vision_model" else plain

    def encode(self, backbone: PreTrainedModel, tiles_TCHW: Tensor) -> Tensor:
        model = backbone.model
        states = model.vision_tower(tiles_TCHW, output_hidden_states=True).hidden_states
        layers = model.config.vision_feature_layer
        layers = [layers] if isinstance(layers, int) else layers
        first = 1 if model.config.vision_feature_select_strategy == "default" else 0
        features: Tensor = model.multi_modal_projector(torch.cat([states[layer][:, first:] for layer in layers], -1))
        return features


class LlavaNextAdapter(LlavaAdapter):
    """The picture as a whole, stretched to a square, and then in its shape on the tiles of a black canvas.

    Cells of padding are cut off the tiles' one map, and a learned end of line follows each of its rows.
    """

    line_ends = True

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        canvases = tuple((tall, wide) for tall, wide in config.image_grid_pinpoints)
        most = max(map(math.prod, canvases))
        plain = super().image_format(config)
        return replace(plain, overview=True, tiling="padded", canvases=canvases, max_pixels=most)

    def image_features(
        self,
        backbone: PreTrainedModel,
        pixels_ICHW: Tensor,
        sizes_I2: Tensor,
        grids_I2: Tensor,
        overviews_ICUU: Tensor | None,
    ) -> ImageFeatures:
        image = self.image_format(backbone.config)
        found = super().image_features(backbone, pixels_ICHW, sizes_I2, grids_I2, overviews_ICUU)
        assert found.tokens is not None  # as there are overviews
        maps, tokens = [], []
        shapes = zip((sizes_I2 // image.stride).tolist(), grids_I2.tolist(), strict=True)
        for number, ((tall, wide), (rows, columns)) in enumerate(shapes):
            top, left, held = (tall - rows) // 2, (wide - columns) // 2, tall * wide
            canvas = found.cells[number, :held].unflatten(0, (tall, wide))
            cells = canvas[top : top + rows, left : left + columns]
            end = backbone.model.image_newline.to(cells).expand(rows, 1, -1)
            whole = found.tokens[number, held : held + (image.unit // image.stride) ** 2]
            maps.append(cells.flatten(0, 1))
            tokens.append(torch.cat([whole, torch.cat([cells, end], 1).flatten(0, 1)]))
        return ImageFeatures(pad_sequence(maps, True), tokens=pad_sequence(tokens, True))


class LlavaOnevisionAdapter(LlavaAdapter):
    """The picture is read once and a learned end of line behind it, as the model reads each of several pictures.

    The extra crops that it reads of a single picture are left out. Its towers come without a class token.
    """

    extra_tokens = 1

    def image_features(
        self,
        backbone: PreTrainedModel,
        pixels_ICHW: Tensor,
        sizes_I2: Tensor,
        grids_I2: Tensor,
        overviews_ICUU: Tensor | None,
    ) -> ImageFeatures:
        cells = super().image_features(backbone, pixels_ICHW, sizes_I2, grids_I2, overviews_ICUU).cells
        end = backbone.model.image_newline.to(cells).expand(len(cells), 1, -1)
        return ImageFeatures(cells, tokens=torch.cat([cells, end], 1))
