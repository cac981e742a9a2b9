"""The region encoder: what the picture shows inside a mask, joined with where the mask is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.precision import in_float32

APPEARANCE = 16
"""Numbers of what the picture shows inside the mask that reach the heads as they are: colours, materials, kinds."""

AMOUNTS = 4
"""Quantities of what the picture shows that are summed over a region, and not averaged: how much of it there is."""

_UNIT = 20.0
"""Amounts are in twentieths of the picture, so that those of a region of usual size are of order 1."""


class RegionEncoder(nn.Module):
    """Encodes the regions of images from feature maps, their cells' coverage and their geometry.

    Dimensions: ``I`` images, ``M`` regions of an image, ``P`` cells of its feature map, ``D`` width of the language
    model, ``Z = GEOMETRY_SIZE + region_size + AMOUNTS + APPEARANCE`` width of the region vector. A region is encoded
    once, however many questions ask about it.

    The region vector carries the plain geometry beside a learned part, so that heads can measure with it, and what the
    picture shows beside both, so that they can tell the red one.
    """

    def __init__(self, *, feature_size: int, region_size: int, hidden_size: int = 64) -> None:
        super().__init__()
        self.vector_size = GEOMETRY_SIZE + region_size + AMOUNTS + APPEARANCE
        # Towers give features of any size, a fresh one of a hundredth: beside geometry of order 1 colours would vanish.
        self.norm = nn.LayerNorm(feature_size)
        self.amounts = nn.Linear(feature_size, AMOUNTS)
        self.appearance = nn.Linear(feature_size, APPEARANCE)
        self.look = nn.Linear(2 * feature_size, hidden_size)
        self.learned = nn.Sequential(
            nn.LayerNorm(GEOMETRY_SIZE + hidden_size),
            nn.Linear(GEOMETRY_SIZE + hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, region_size),
        )
        self.position = nn.Linear(self.vector_size, 3, bias=False)
        self.embed = nn.Sequential(
            nn.Linear(self.vector_size + hidden_size, 2 * hidden_size),
            nn.GELU(),
            nn.Linear(2 * hidden_size, feature_size),
        )

    @in_float32
    def forward(
        self,
        features_IPD: Tensor,
        coverage_IMP: Tensor,
        enclosure_IMP: Tensor,
        geometry_IMG: Tensor,
        cells_I: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encodes all regions of a batch of images.

        Args:
            features_IPD: Feature maps.
            coverage_IMP: Share of each cell that a region covers; zero rows pad.
            enclosure_IMP: The same of the regions' convex hulls: an area is read with what stands in it.
            geometry_IMG: ``region_geometry`` vectors; zero rows pad.
            cells_I: Number of cells of each feature map; those beyond are padding.

        Returns:
            ``embeddings [I, M, D]`` for the language model; and for the heads ``vectors [I, M, Z]``,
            ``positions [I, M, 3]``, whose distances the questions of all heads teach, and ``inside [I, M, M]``, the
            share of region i that lies within the hull of region j.
        """
        features_IPD = self.norm(features_IPD)
        within = _pool(features_IPD, coverage_IMP)
        looks = self.look(torch.cat([within, _pool(features_IPD, enclosure_IMP)], -1))
        learned = self.learned(torch.cat([geometry_IMG, looks], -1))
        # A cell counts with its share of the picture, whatever the cells' size.
        shares = enclosure_IMP * (_UNIT / cells_I)[:, None, None]
        amounts = torch.bmm(shares, F.softplus(self.amounts(features_IPD)))
        vectors = torch.cat([geometry_IMG, learned, amounts, self.appearance(within)], -1)
        embeddings = self.embed(torch.cat([vectors, looks], -1))
        return embeddings, vectors, self.position(vectors), _shares(coverage_IMP, enclosure_IMP)


def _shares(coverage_IMP: Tensor, enclosure_IMP: Tensor) -> Tensor:
    area = coverage_IMP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(coverage_IMP, enclosure_IMP.mT) / area


def _pool(features_IPD: Tensor, coverage_IMP: Tensor) -> Tensor:
    # Dividing by the covered area makes a one-pixel region weigh as much as a large one.
    weights = coverage_IMP / coverage_IMP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(weights, features_IPD)
