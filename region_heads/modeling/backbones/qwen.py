"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: pictures of any shape, positions in time, height and width."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, PretrainedConfig, PreTrainedModel

from region_heads.image_format import BICUBIC, ImageFormat
from region_heads.modeling.backbones.adapter import Adapter, ImageFeatures, ImageTokens, run_language_model
from region_heads.modeling.backbones.llava import CLIP_MEAN, CLIP_STD

_TOKENS = 1024
"""Image tokens of a picture at most; the families read up to 16384, at a price in every step."""


class QwenVLAdapter(Adapter):
    """Qwen2-VL and Qwen2.5-VL; pictures keep their shape, four patches make a token."""

    picture = "<|vision_start|><|image_pad|><|vision_end|>"
    before_image = "<|vision_start|>"
    after_image = "<|vision_end|>"

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        vision = config.vision_config
        unit = vision.patch_size * vision.spatial_merge_size
        return ImageFormat(
            unit=unit, stride=unit, min_pixels=4 * unit**2, max_pixels=_TOKENS * unit**2, resample=BICUBIC,
            mean=CLIP_MEAN, std=CLIP_STD,
        )  # fmt: skip

    def image_features(
        self,
        backbone: PreTrainedModel,
        pixels_ICHW: Tensor,
        sizes_I2: Tensor,  # noqa: ARG002 - their grids say it
        grids_I2: Tensor,
        overviews_ICUU: Tensor | None,  # noqa: ARG002 - for families that read tiles
    ) -> ImageFeatures:
        vision = backbone.config.vision_config
        merge = vision.spatial_merge_size
        grids = grids_I2.tolist()
        patches = torch.cat([
            _patches(image, rows, columns, merge, vision.patch_size, vision.temporal_patch_size)
            for image, (rows, columns) in zip(pixels_ICHW, grids, strict=True)
        ])  # fmt: skip
        shapes = torch.tensor([[1, rows * merge, columns * merge] for rows, columns in grids], device=patches.device)
        found = backbone.model.get_image_features(patches, shapes, return_dict=True)
        return self._features(found)

    def _features(self, found: Any) -> ImageFeatures:
        return ImageFeatures(_padded(found.pooler_output))

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,
        cache: Cache | None = None,
    ) -> Tensor:
        return run_language_model(
            backbone.model.language_model,
            embeddings_RLD,
            attention_mask,
            positions_in_space(position_ids_RL, images),
            cache,
            **self._inside(embeddings_RLD, images),
        )

    def _inside(self, embeddings_RLD: Tensor, images: ImageTokens) -> dict[str, object]:  # noqa: ARG002 - for Qwen3-VL
        return {}

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        visual = backbone.model.visual
        projector = [visual.merger, *getattr(visual, "deepstack_merger_list", [])]
        return {
            "vision": [module for module in visual.children() if module not in projector and module is not
                       getattr(visual, "deepstack_merger_list", None)],
            "projector": projector,
            "language": [backbone.model.language_model, backbone.lm_head],
        }  # fmt: skip


class Qwen3VLAdapter(QwenVLAdapter):
    """Qwen3-VL also adds features of earlier layers of its tower inside the language model."""

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        plain = ImageFormat.mean
        return replace(super().image_format(config), mean=plain, std=plain)

    def _features(self, found: Any) -> ImageFeatures:
        return ImageFeatures(
            _padded(found.pooler_output),
            tuple(_padded(layer) for layer in found.deepstack_features),
        )

    def _inside(self, embeddings_RLD: Tensor, images: ImageTokens) -> dict[str, object]:
        if not images.deep:  # behind the picture
            return {}
        held = images.positions >= 0
        rows = torch.arange(len(held), device=held.device)[:, None].expand_as(held)
        places = torch.zeros(embeddings_RLD.shape[:2], dtype=torch.bool, device=held.device)
        places[rows[held], images.positions[held]] = True
        return {"visual_pos_masks": places, "deepstack_visual_embeds": [layer[held] for layer in images.deep]}


def positions_in_space(position_ids_RL: Tensor, images: ImageTokens) -> Tensor:
    """Positions in time, height and width, ``[3, R, L]``, from positions in the text.

    An image token lies at the image's start plus its row and column; what follows the image goes on after its longer
    side (section 2.1 of the Qwen2-VL report, arXiv:2409.12191).
    """
    start = images.positions[:, :1]
    tokens = (images.positions >= 0).sum(1, keepdim=True)
    columns, longer = images.grids[:, 1:], images.grids.amax(1, keepdim=True)
    offset = position_ids_RL - start
    within = (offset >= 0) & (offset < tokens)
    after = torch.where(offset >= tokens, position_ids_RL - tokens + longer, position_ids_RL)
    place = torch.stack([
        torch.zeros_like(offset),
        torch.div(offset, columns, rounding_mode="floor"),
        torch.remainder(offset, columns),
    ])  # fmt: skip
    return torch.where(within, start + place, after)


def _patches(image: Tensor, rows: int, columns: int, merge: int, patch: int, frames: int) -> Tensor:
    """Patches ``[rows * columns * merge^2, C * frames * patch^2]`` in the towers' order: merged ones together."""
    side = merge * patch
    cells = image[:, : rows * side, : columns * side].reshape(-1, rows, merge, patch, columns, merge, patch)
    ordered = cells.permute(1, 4, 2, 5, 0, 3, 6)  # rows, columns, merge, merge, C, patch, patch
    return ordered.unsqueeze(5).expand(-1, -1, -1, -1, -1, frames, -1, -1).flatten(4).flatten(0, 3)


def _padded(maps: list[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(list(maps), batch_first=True)
