"""Text behind the questions of a batch, with the keys and values of its rows kept.

Dimensions in names are those of :mod:`region_heads.modeling.batch`, and ``K``, the most questions of a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from region_heads.modeling.backbones.adapter import ImageTokens
from region_heads.modeling.batch import Batch
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.packing import PADDING, block_mask


class KeptRows:
    """The rows of a batch, behind which every question goes on by one token at a time.

    A step puts one token for each question at the end of its row. The block mask lets it see the picture and its own
    question, and it has the position that follows there: its state is what it would be right behind the question.

    Args:
        model: A model that packs.
        batch: Questions that end in their answer token.

    Attributes:
        first: ``[B, D]`` states of the answer tokens, from which the first token is read.
    """

    def __init__(self, model: RegionHeadsModel, batch: Batch) -> None:
        self._model, self._row = model, batch.row_index
        self._cache = DynamicCache(config=model.backbone.config.get_text_config())
        last = batch.row_index, batch.answer_positions
        self.first: Tensor = model(batch=batch, cache=self._cache).hidden_states[last]
        self._segments = batch.segments
        self._images = ImageTokens(batch.image_positions, batch.grids[batch.image_index])
        own = batch.segments[last]  # from 1 in each row
        self._column = own - 1
        most = int(own.max())
        self._new_segments = self._placed(own, most, PADDING)
        self._positions = self._placed(batch.position_ids[last], most, 0)

    def _placed(self, values_B: Tensor, most: int, empty: int) -> Tensor:
        """``[R, K]``: each question's value in its row, ``empty`` where a row has fewer questions."""
        placed = values_B.new_full((len(self._segments), most), empty)
        placed[self._row, self._column] = values_B
        return placed

    def states(self, tokens: Sequence[int]) -> Tensor:
        """States ``[B, D]`` of the next token of each question, which was chosen from the states before."""
        model = self._model
        most = self._new_segments.shape[1]
        self._segments = torch.cat([self._segments, self._new_segments], 1)
        self._positions = self._positions + 1
        ids = self._placed(self._row.new_tensor(tokens), most, 0)
        embeddings = model.backbone.get_input_embeddings()(ids)
        seen = block_mask(self._segments, newest=most)
        with model.backbone_arithmetic():
            hidden_RKD = model.adapter.hidden_states(
                model.backbone, embeddings, seen, self._positions, self._images, self._cache
            )
        return hidden_RKD[self._row, self._column]
