"""What an adapter says of its family of image-text models, and what several adapters share.

Dimensions in names: ``I`` images, ``P`` cells of a feature map, ``R`` rows of a batch, ``L`` tokens of a row,
``T`` image tokens of a row, ``D`` width of the language model.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel

from region_heads.image_format import ImageFormat


@dataclass(frozen=True)
class ImageFeatures:
    """Feature maps of images in the language model's space, cell by cell, row after row.

    Attributes:
        cells: ``[I, P, D]``; maps with fewer cells than the largest are padded at the end.
        deep: Further maps of the same shape that join inside the language model (Qwen3-VL), one for each of its first
            layers.
    """

    cells: Tensor
    deep: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class ImageTokens:
    """Where the rows of a batch hold image tokens.

    Attributes:
        positions: long ``[R, T]``, contiguous and ascending; -1 pads at the end.
        grids: long ``[R, 2]`` rows and columns of the image's tokens.
        deep: ``ImageFeatures.deep`` of each row, ``[R, T, D]``.
    """

    positions: Tensor
    grids: Tensor
    deep: tuple[Tensor, ...] = ()


class Adapter(Protocol):
    """How to reach the parts of one family of image-text models."""

    before_image: str
    """Special tokens in front of the image tokens, as text."""
    after_image: str
    """Special tokens behind them."""

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        """The tower's input, with the colour normalisation that the family was trained with."""

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor, grids_I2: Tensor) -> ImageFeatures:
        """Features of images; ``grids_I2`` (long) holds rows and columns of each, pixels beyond them are padding."""

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,
    ) -> Tensor:
        """Last hidden states ``[R, L, D]`` of the language model.

        ``attention_mask`` is ``[R, L]`` (1 on tokens) or bool ``[R, 1, L, L]``.
        """

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        """The modules of ``vision``, ``projector`` and ``language``; every weight is in one of them."""


def run_language_model(
    model: nn.Module, embeddings_RLD: Tensor, attention_mask: Tensor, position_ids: Tensor, **more: object
) -> Tensor:
    """Last hidden states of a Hugging Face causal language model."""
    hidden: Tensor = model(
        inputs_embeds=embeddings_RLD,
        attention_mask=attention_mask,
        position_ids=position_ids,
        use_cache=False,
        **more,
    ).last_hidden_state
    return hidden


def encode_tiles(
    encode: Callable[[Tensor], Tensor], pixels_ICHW: Tensor, grids_I2: Tensor, *, unit: int, stride: int
) -> Tensor:
    """Feature maps of images that a tower of one size reads tile by tile.

    Args:
        encode: Tiles ``[K, C, unit, unit]`` to features ``[K, (unit / stride)^2, D]``.
        pixels_ICHW: Images of whole tiles.
        grids_I2: Rows and columns of cells of each image.
        unit: Pixels a side of a tile.
        stride: Pixels a side of a cell.

    Returns:
        ``[I, P, D]``, the tiles' features put together row by row, padded at the end.
    """
    if pixels_ICHW.shape[-2:] == (unit, unit):
        return encode(pixels_ICHW)
    side = unit // stride
    grids = [(rows // side, columns // side) for rows, columns in grids_I2.tolist()]
    tiles = [
        image[:, : rows * unit, : columns * unit].unflatten(2, (columns, unit)).unflatten(1, (rows, unit))
        for image, (rows, columns) in zip(pixels_ICHW, grids, strict=True)
    ]  # each [C, rows, unit, columns, unit]
    features = encode(torch.cat([tile.permute(1, 3, 0, 2, 4).flatten(0, 1) for tile in tiles]))
    maps = []
    for part, (rows, columns) in zip(features.split([r * c for r, c in grids]), grids, strict=True):
        cells = part.unflatten(0, (rows, columns)).unflatten(2, (side, side))  # [rows, columns, side, side, D]
        maps.append(cells.transpose(1, 2).flatten(0, 3))
    return nn.utils.rnn.pad_sequence(maps, batch_first=True)


class TileAdapter(Adapter):
    """A family whose tower reads tiles of one size, ahead of a projector and a causal language model.

    Attributes:
        tower, projector, language: Names of these in the family's model.
    """

    tower: str
    projector: str
    language: str

    @abstractmethod
    def encode(self, backbone: PreTrainedModel, tiles_TCHW: Tensor) -> Tensor:
        """Features of tiles in the language model's space, ``[T, P, D]``."""

    def image_features(self, backbone: PreTrainedModel, pixels_ICHW: Tensor, grids_I2: Tensor) -> ImageFeatures:
        image = self.image_format(backbone.config)
        encode = partial(self.encode, backbone)
        return ImageFeatures(encode_tiles(encode, pixels_ICHW, grids_I2, unit=image.unit, stride=image.stride))

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,  # noqa: ARG002 - for families that place pictures inside the language model
    ) -> Tensor:
        language = backbone.model.get_submodule(self.language)
        return run_language_model(language, embeddings_RLD, attention_mask, position_ids_RL)

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        tower, projector, language = map(backbone.model.get_submodule, (self.tower, self.projector, self.language))
        return {"vision": [tower], "projector": [projector], "language": [language, backbone.lm_head]}
