"""The region encoder: what the picture shows inside a mask, joined with where the mask is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from region_heads.geometry import GEOMETRY_SIZE


class RegionEncoder(nn.Module):
    """Encodes regions from the vision feature map, their patch coverage and their geometry.

    Dimensions: ``B`` questions, ``N`` regions, ``P`` patches, ``D`` width of the language model,
    ``Z = GEOMETRY_SIZE + region_size`` width of the region vector.

    The region vector carries the plain geometry beside a learned part, so that heads can measure with it.
    """

    def __init__(self, *, feature_size: int, region_size: int, hidden_size: int = 64) -> None:
        super().__init__()
        self.vector_size = GEOMETRY_SIZE + region_size
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
    ) -> tuple[Tensor, Tensor]:
        """Encodes all regions of a batch.

        Args:
            features_BPD: Image features of each question's picture.
            coverage_BNP: Share of each patch that a region covers; zero rows pad.
            enclosure_BNP: The same of the regions' convex hulls: an area is read with what stands in it.
            geometry_BNG: ``region_geometry`` vectors; zero rows pad.

        Returns:
            ``embeddings [B, N, D]`` for the language model and ``vectors [B, N, Z]`` for the heads.
        """
        looks = self.look(torch.cat([_pool(features_BPD, coverage_BNP), _pool(features_BPD, enclosure_BNP)], -1))
        geometry = geometry_BNG.to(looks.dtype)
        learned = self.learned(torch.cat([geometry, looks], -1))
        vectors = torch.cat([geometry, learned], -1)
        return self.embed(torch.cat([vectors, looks], -1)), vectors


def _pool(features_BPD: Tensor, coverage_BNP: Tensor) -> Tensor:
    # Dividing by the covered area makes a one-pixel region weigh as much as a large one.
    weights = coverage_BNP / coverage_BNP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(weights.to(features_BPD.dtype), features_BPD)
