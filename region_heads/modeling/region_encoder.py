"""The region encoder: what the picture shows inside a mask, joined with where the mask is."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from region_heads.close_ups import CLOSE_UP
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.precision import in_float32

APPEARANCE = 16
"""Numbers of what the picture shows inside the mask that reach the heads as they are: colours, materials, kinds."""

AMOUNTS = 4
"""Quantities of what the picture shows that are summed over a region, and not averaged: how much of it there is."""

NAME = 32
"""Width of the space in which regions and words are compared."""

_SHY = 0.2  # what a region's embedding is multiplied with at first: beside words of .02 it would drown the question
_UNIT = 20.0  # amounts are in twentieths of the picture, so that those of a region of usual size are of order 1


class EncodedRegions(NamedTuple):
    """What the model knows of the regions of images ``[I, M, …]``, or of questions ``[B, N, …]``; 0 on padding."""

    embeddings: Tensor  # [I, M, D] for the language model
    vectors: Tensor  # [I, M, Z] for the heads
    positions: Tensor  # [I, M, 3] in a metric that the questions of all heads teach
    looks: Tensor  # [I, M, A] to be compared with words
    inside: Tensor  # [I, M, M] share of the first region that lies within the hull of the second


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
        self.close_up = CloseUpEncoder(hidden_size)
        self.appearance = nn.Linear(feature_size + hidden_size, APPEARANCE)
        self.surroundings = nn.Linear(2 * feature_size + hidden_size, hidden_size)
        self.learned = nn.Sequential(
            nn.LayerNorm(GEOMETRY_SIZE + hidden_size),
            nn.Linear(GEOMETRY_SIZE + hidden_size, hidden_size),
            nn.GELU(),
            nn.Linear(hidden_size, region_size),
        )
        self.position = nn.Linear(self.vector_size, 3, bias=False)
        self.looks = nn.Linear(self.vector_size + feature_size + hidden_size, NAME)
        self.word = nn.Linear(feature_size, NAME, bias=False)
        embedding = nn.Linear(2 * hidden_size, feature_size, bias=False)
        with torch.no_grad():
            embedding.weight.mul_(_SHY)
        self.embed = nn.Sequential(nn.Linear(self.vector_size + hidden_size, 2 * hidden_size), nn.GELU(), embedding)

    @torch.no_grad()
    def fit_to(self, tokens_VD: Tensor) -> None:
        """Scales embeddings of regions so that they begin as large as those of tokens, ``[V, D]``."""
        first, last = self.embed[0], self.embed[-1]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        some = torch.randn(256, first.in_features, generator=torch.Generator().manual_seed(0))
        last.weight.mul_(tokens_VD.float().square().mean().sqrt() / self.embed(some).square().mean().sqrt())

    @in_float32
    def fits(self, looks: Tensor, words: Tensor) -> Tensor:
        """How well each word fits each region, ``[n, N, W]``; from ``looks [n, N, A]`` and embeddings ``[n, W, D]``."""
        # Embeddings are of a fiftieth; of the size that layers expect they are told apart sooner.
        fits: Tensor = torch.bmm(looks, self.word(words * words.shape[-1] ** 0.5).mT)
        return fits

    @in_float32
    def forward(
        self,
        features_IPD: Tensor,
        coverage_IMP: Tensor,
        enclosure_IMP: Tensor,
        geometry_IMG: Tensor,
        close_ups_IM: Tensor,
        cells_I: Tensor,
    ) -> EncodedRegions:
        """Encodes all regions of a batch of images.

        Args:
            features_IPD: Feature maps.
            coverage_IMP: Share of each cell that a region covers; zero rows pad.
            enclosure_IMP: The same of the regions' convex hulls: an area is read with what stands in it.
            geometry_IMG: ``region_geometry`` vectors; zero rows pad.
            close_ups_IM: Colours and mask around each region, uint8 ``[I, M, 4, S, S]``.
            cells_I: Number of cells of each feature map; those beyond are padding.

        """
        features_IPD = self.norm(features_IPD)
        close = self.close_up(close_ups_IM.flatten(0, 1)).unflatten(0, close_ups_IM.shape[:2])
        within = torch.cat([_pool(features_IPD, coverage_IMP), close], -1)
        around = self.surroundings(torch.cat([within, _pool(features_IPD, enclosure_IMP)], -1))
        learned = self.learned(torch.cat([geometry_IMG, around], -1))
        # A cell counts with its share of the picture, whatever the cells' size.
        shares = enclosure_IMP * (_UNIT / cells_I)[:, None, None]
        amounts = torch.bmm(shares, F.softplus(self.amounts(features_IPD)))
        vectors = torch.cat([geometry_IMG, learned, amounts, self.appearance(within)], -1)
        looks = self.looks(torch.cat([vectors, within], -1))
        embeddings = self.embed(torch.cat([vectors, around], -1))
        inside = _shares(coverage_IMP, enclosure_IMP)
        return EncodedRegions(embeddings, vectors, self.position(vectors), looks, inside)


class CloseUpEncoder(nn.Module):
    """Close-ups, uint8 ``[n, 4, CLOSE_UP, CLOSE_UP]``, to ``[n, size]``.

    Both what is where (a shape), and what is anywhere (a gloss): the one by cells, the other by the largest.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(4, 24, 3, padding=1), nn.GELU(), nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.GELU()
        )
        self.places = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48 * (CLOSE_UP // 4) ** 2, size))
        self.anywhere = nn.Linear(48, size)

    def forward(self, close_ups: Tensor) -> Tensor:
        found = self.layers(close_ups / 127.5 - 1)
        encoded: Tensor = self.places(found) + self.anywhere(found.amax((2, 3)))
        return encoded


def _shares(coverage_IMP: Tensor, enclosure_IMP: Tensor) -> Tensor:
    area = coverage_IMP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(coverage_IMP, enclosure_IMP.mT) / area


def _pool(features_IPD: Tensor, coverage_IMP: Tensor) -> Tensor:
    # Dividing by the covered area makes a one-pixel region weigh as much as a large one.
    weights = coverage_IMP / coverage_IMP.sum(-1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(weights, features_IPD)
