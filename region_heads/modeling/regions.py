"""The region encoder: what the picture shows inside a mask, joined with where the mask is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.geometry import GEOMETRY_SIZE

AMOUNTS = 4
"""Quantities of what the picture shows that are summed over a region, and not averaged: how much of it there is."""

_UNIT = 20.0
"""Amounts are in twentieths of the picture, so that those of a region of usual size are of order 1."""


class RegionEncoder(nn.Module):
    """Encodes regions from the vision feature map, their patch coverage and their geometry.

    Dimensions: ``B`` questions, ``N`` regions, ``P`` patches, ``D`` width of the language model,
    ``Z = GEOMETRY_SIZE + region_size`` width of the region vector.

    The region vector carries the plain geometry beside a learned part, so that heads can measure with it.
    """

    def __init__(self, *, feature_size: int, region_size: int, hidden_size: int = 64) -> None:
        super().__init__()
        self.vector_size = GEOMETRY_SIZE + region_size + AMOUNTS
        self.amounts = nn.Linear(feature_size, AMOUNTS)
        self.look = nn.Linear(2 * feature_size, hidden_size)
        self.learned = nn.Sequential(
            nn.LayerNorm(GEOMETRY_SIZE + hidden_size),
            nn.Linear(GEOMETRY_SIZE + hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, region_size),
        )
        self.embed = nn.Sequential(
            nn.Linear(self.vector_size + hidden_size, 2 * hidden_size),
            nn.GELU(),
            nn.Linear(2 * hidden_size, feature_size),
        )

    def forward(
        self, features_BPD: Tensor, coverage_BNP: Tensor, enclosure_BNP: Tensor, geometry_BNG: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Encodes all regions of a batch.

        Args:
            features_BPD: Image features of each question's picture.
            coverage_BNP: Share of each patch that a region covers; zero rows pad.
            enclosure_BNP: The same of the regions' convex hulls: an area is read with what stands in it.
            geometry_BNG: ``region_geometry`` vectors; zero rows pad.

        Returns:
            ``embeddings [B, N, D]`` for the language model, ``vectors [B, N, Z]`` for the heads, and
            ``inside [B, N, N]``, the share of region i that lies within the hull of region j.
        """
        looks = self.look(torch.cat([_pool(features_BPD, coverage_BNP), _pool(features_BPD, enclosure_BNP)], -1))
        geometry = geometry_BNG.to(looks.dtype)
        learned = self.learned(torch.cat([geometry, looks], -1))
        # A patch counts with its share of the picture, whatever the patches' size.
        shares = enclosure_BNP * (_UNIT / enclosure_BNP.shape[-1])
        amounts = torch.bmm(shares.to(looks.dtype), F.softplus(self.amounts(features_BPD)))
        vectors = torch.cat([geometry, learned, amounts], -1)
        return self.embed(torch.cat([vectors, looks], -1)), vectors, _shares(coverage_BNP, enclosure_BNP)


def _shares(coverage_BNP: Tensor, enclosure_BNP: Tensor) -> Tensor:
    area = coverage_BNP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(coverage_BNP, enclosure_BNP.transpose(1, 2)) / area


def _pool(features_BPD: Tensor, coverage_BNP: Tensor) -> Tensor:
    # Dividing by the covered area makes a one-pixel region weigh as much as a large one.
    weights = coverage_BNP / coverage_BNP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(weights.to(features_BPD.dtype), features_BPD)
