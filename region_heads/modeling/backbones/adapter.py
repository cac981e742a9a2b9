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
from transformers import Cache, PretrainedConfig, PreTrainedModel

from region_heads.image_format import ImageFormat


@dataclass(frozen=True)
class ImageFeatures:
    """Feature maps of images in the language model's space, cell by cell, row after row.

    Attributes:
        cells: ``[I, P, D]``; maps with fewer cells than the largest are padded at the end.
        deep: Further maps of the same shape that join inside the language model (Qwen3-VL), one for each of its first
            layers.
        tokens: ``[I, T, D]`` what the language model reads; None where that is the cells.
    """

    cells: Tensor
    deep: tuple[Tensor, ...] = ()
    tokens: Tensor | None = None


@dataclass(frozen=True)
class ImageTokens:
    """Where the rows of a batch hold image tokens.

    Attributes:
        positions: long ``[R, T]``, ascending, and without a gap but between tiles; -1 pads at the end.
        grids: long ``[R, 2]`` rows and columns of the image's tokens.
        deep: ``ImageFeatures.deep`` of each row, ``[R, T, D]``.
    """

    positions: Tensor
    grids: Tensor
    deep: tuple[Tensor, ...] = ()


class Adapter(Protocol):
    """How to reach the parts of one family of image-text models."""

    picture: str
    """What the family's chat templates write for a picture."""
    before_image: str
    """Special tokens in front of the image tokens, as text."""
    after_image: str
    """Special tokens behind them."""
    before_tile: str = ""
    """What stands in front of each tile's tokens, with places for its row and column from 1."""
    extra_tokens: int = 0
    """Image tokens beside those of the cells, and of the whole where tiles are read."""
    line_ends: bool = False
    """Whether each row of cells ends in a token more."""

    def image_format(self, config: PretrainedConfig) -> ImageFormat:
        """The tower's input, with the colour normalisation that the family was trained with."""

    def image_features(
        self,
        backbone: PreTrainedModel,
        pixels_ICHW: Tensor,
        sizes_I2: Tensor,
        grids_I2: Tensor,
        overviews_ICUU: Tensor | None,
    ) -> ImageFeatures:
        """Features of images.

        Args:
            backbone: Its weights.
            pixels_ICHW: The images; pixels beyond their size are padding of the batch.
            sizes_I2: Height and width of each, long.
            grids_I2: Rows and columns of each feature map, long.
            overviews_ICUU: The images as a whole, where the tower reads their tiles.
        """

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,
        cache: Cache | None = None,
    ) -> Tensor:
        """Last hidden states ``[R, L, D]`` of the language model.

        ``attention_mask`` is ``[R, L]`` (1 on tokens) or bool ``[R, 1, L, L]``. With a ``cache``, keys and values are
        kept in it; where it holds some already, the embeddings are what follows in the rows, and the mask's last axis
        is as long as both.
        """

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        """The modules of ``vision``, ``projector`` and ``language``; every weight is in one of them."""


def run_language_model(
    model: nn.Module,
    embeddings_RLD: Tensor,
    attention_mask: Tensor,
    position_ids: Tensor,
    cache: Cache | None,
    **more: object,
) -> Tensor:
    """Last hidden states of a Hugging Face causal language model."""
    hidden: Tensor = model(
        inputs_embeds=embeddings_RLD,
        attention_mask=attention_mask,
        position_ids=position_ids,
        past_key_values=cache,
        use_cache=cache is not None,
        **more,
    ).last_hidden_state
    return hidden


def encode_tiles(
    encode: Callable[[Tensor], Tensor],
    pixels_ICHW: Tensor,
    sizes_I2: Tensor,
    overviews_ICUU: Tensor | None,
    *,
    unit: int,
    stride: int,
) -> ImageFeatures:
    """Feature maps of images that a tower of one size reads tile by tile, and as a whole.

    Args:
        encode: Tiles ``[K, C, unit, unit]`` to features ``[K, (unit / stride)^2, D]``.
        pixels_ICHW: Images of whole tiles.
        sizes_I2: Height and width of each image.
        overviews_ICUU: The images as a whole.
        unit: Pixels a side of a tile.
        stride: Pixels a side of a cell.

    Returns:
        The tiles' features put together row by row; the tokens are tile after tile and then the whole.
    """
    if overviews_ICUU is None and pixels_ICHW.shape[-2:] == (unit, unit):
        return ImageFeatures(encode(pixels_ICHW))
    side = unit // stride
    grids = [(height // unit, width // unit) for height, width in sizes_I2.tolist()]
    tiles = [
        image[:, : rows * unit, : columns * unit].unflatten(2, (columns, unit)).unflatten(1, (rows, unit))
        for image, (rows, columns) in zip(pixels_ICHW, grids, strict=True)
    ]  # each [C, rows, unit, columns, unit]
    counts = [rows * columns for rows, columns in grids]
    wholes = [] if overviews_ICUU is None else [overviews_ICUU]
    features = encode(torch.cat([*(tile.permute(1, 3, 0, 2, 4).flatten(0, 1) for tile in tiles), *wholes]))
    parts = features.split([*counts, *map(len, wholes)])
    maps, tokens = [], []
    for number, (part, (rows, columns)) in enumerate(zip(parts, grids, strict=False)):
        cells = part.unflatten(0, (rows, columns)).unflatten(2, (side, side))  # [rows, columns, side, side, D]
        maps.append(cells.transpose(1, 2).flatten(0, 3))
        if wholes:
            tokens.append(torch.cat([part.flatten(0, 1), parts[-1][number]]))
    padded = partial(nn.utils.rnn.pad_sequence, batch_first=True)
    # Models of 0.1.0 have tiles and no whole; their tokens are the map's.
    return ImageFeatures(padded(maps), tokens=padded(tokens) if tokens else None)


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

    def image_features(
        self,
        backbone: PreTrainedModel,
        pixels_ICHW: Tensor,
        sizes_I2: Tensor,
        grids_I2: Tensor,  # noqa: ARG002 - for families that read no whole tiles
        overviews_ICUU: Tensor | None,
    ) -> ImageFeatures:
        image = self.image_format(backbone.config)
        encode = partial(self.encode, backbone)
        return encode_tiles(encode, pixels_ICHW, sizes_I2, overviews_ICUU, unit=image.unit, stride=image.stride)

    def hidden_states(
        self,
        backbone: PreTrainedModel,
        embeddings_RLD: Tensor,
        attention_mask: Tensor,
        position_ids_RL: Tensor,
        images: ImageTokens,  # noqa: ARG002 - for families that place pictures inside the language model
        cache: Cache | None = None,
    ) -> Tensor:
        language = backbone.model.get_submodule(self.language)
        return run_language_model(language, embeddings_RLD, attention_mask, position_ids_RL, cache)

    def parts(self, backbone: PreTrainedModel) -> dict[str, list[nn.Module]]:
        tower, projector, language = map(backbone.model.get_submodule, (self.tower, self.projector, self.language))
        return {"vision": [tower], "projector": [projector], "language": [language, backbone.lm_head]}
