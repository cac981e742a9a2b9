"""What is known of images and regions, brought to the questions and into the rows of a batch.

Dimensions in names are those of :mod:`region_heads.modeling.model`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from region_heads.modeling.region_encoder import EncodedRegions


def of_questions(region_index_BN: Tensor, image_of_B: Tensor, of_images: EncodedRegions) -> EncodedRegions:
    """What is known of the regions of images, for the regions of each question.

    Args:
        region_index_BN: Regions of each question among those of its image; -1 pads.
        image_of_B: The image of each question.
        of_images: ``[I, M, …]``.
    """
    held = (region_index_BN >= 0)[..., None]
    columns = region_index_BN.clamp_min(0)
    places = image_of_B[:, None] * of_images[0].shape[1] + columns
    *found, pairs = (
        known.flatten(0, 1).index_select(0, places.flatten()).unflatten(0, places.shape) * held for known in of_images
    )
    columns = columns[:, None].expand(-1, places.shape[1], -1)
    return EncodedRegions._make((*found, pairs.gather(2, columns) * held.mT))


def place(embeddings_RLD: Tensor, positions_RT: Tensor, tokens_RTD: Tensor) -> Tensor:
    """Embeddings with ``tokens`` at ``positions``, where they are not padding."""
    held = (positions_RT >= 0)[..., None]
    index = positions_RT.clamp_min(0)[..., None]
    tokens = (tokens_RTD * held).to(embeddings_RLD.dtype)
    placed = torch.zeros_like(embeddings_RLD).scatter_add(1, index.expand_as(tokens), tokens)
    here = torch.zeros_like(embeddings_RLD[..., :1]).scatter_add(1, index, held.to(embeddings_RLD.dtype))
    return torch.where(here > 0, placed, embeddings_RLD)


def add(embeddings_RLD: Tensor, index_BN: Tensor, regions_BND: Tensor, valid_BN: Tensor) -> Tensor:
    """Embeddings plus ``regions`` at ``index`` in rows laid end to end, where they are not padding."""
    regions = (regions_BND * valid_BN[..., None]).to(embeddings_RLD.dtype).flatten(0, 1)
    index = index_BN.clamp_min(0).flatten()
    return embeddings_RLD.flatten(0, 1).index_add(0, index, regions).view_as(embeddings_RLD)
