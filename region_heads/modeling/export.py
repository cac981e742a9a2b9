"""Heads and region encoder as programs of `torch.export`, which run without this package.

They answer and have no losses. A program answers every question by every head, because which rows a head would take
depends on the data; the caller reads the answer of the question's task. The number of regions is fixed, because the
distribution of a count is computed gate by gate; questions with fewer regions are padded. All other sizes are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from region_heads.close_ups import CLOSE_UP
from region_heads.errors import RegionHeadsError
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.feature_heads import RegionHeads
from region_heads.modeling.heads import HeadInputs
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.region_encoder import NAME, EncodedRegions, RegionEncoder
from region_heads.modeling.routing import HeadRouter

RETURNED = ("answer", "confidence", "answer_weights", "anchor_weights")
"""What of a head's output a program returns."""

_FREE = {0: Dim.DYNAMIC}


def export_heads(heads: RegionHeads | RegionHeadsModel, *, regions: int) -> ExportedProgram:
    """The heads as a program, for inputs given by name: fp32, but bool ``valid`` and ``said``, of ``B`` questions.

    Of :class:`~region_heads.RegionHeads` they are ``features [B, N, D]``, ``valid [B, N]``, ``question [B, D]``,
    ``inside [B, N, N]`` and, where there is a ``geometry_size``, ``geometry [B, N, G]``, as of its ``forward``.

    Of a model they are ``states``, ``vectors``, ``positions``, ``inside``, ``question``, ``words``, ``limit`` and
    ``valid`` of :class:`~region_heads.HeadInputs`; ``looks [B, N, A]`` of the regions, the words' ``embeddings
    [B, W, D]``, with what ``model.word_states`` adds to them, and ``said [B, W]``, False on padding, from which its
    ``fits`` follow. ``limit`` is in ``config.length_unit`` metres, 0 where the question says no length.

    Args:
        heads: They are exported as in ``eval()``, whatever mode they are in.
        regions: ``N``, the most regions that a question may have.

    Raises:
        RegionHeadsError: There are no heads, or there is no region.

    Returns:
        A program that returns, for every enabled head, ``{"TASK.answer": [B], "TASK.confidence": [B],
        "TASK.answer_weights": [B, N], "TASK.anchor_weights": [B, N]}``, as of ``HeadOutput``.

    Example:
        >>> import torch
        >>> from region_heads import RegionHeads, RegionHeadsConfig, export_heads
        >>> cfg = {task: {"enabled": False} for task in ("left_right", "multiple_choice", "counting")}
        >>> program = export_heads(RegionHeads(RegionHeadsConfig(feature_size=16, region_heads_cfg=cfg)), regions=4)
        >>> features, inside = torch.randn(3, 4, 16), torch.zeros(3, 4, 4)
        >>> valid = torch.tensor([[True, True, True, False]] * 3)
        >>> answers = program.module()(features=features, valid=valid, question=features[:, 0], inside=inside)
        >>> answers["distance.answer"].shape
        torch.Size([3])
    """
    router = heads.region_heads if isinstance(heads, RegionHeadsModel) else heads.router
    if regions < 1 or not router.heads:
        raise RegionHeadsError(
            f"export_heads: expected a model with heads and at least 1 region, found {len(router.heads)} heads and "
            f"regions={regions}; a model that answers in text has none"
        )
    B, N, W = 2, regions, 3
    example = {"valid": torch.ones(B, N, dtype=torch.bool), "inside": torch.zeros(B, N, N)}
    if isinstance(heads, RegionHeads):
        D, G = heads.sizes
        example |= {"features": torch.zeros(B, N, D), "question": torch.zeros(B, D)}
        example |= {"geometry": torch.zeros(B, N, G)} if G else {}
        return _program(_OfFeatures(heads), example, {})
    D, Z = heads.backbone.config.get_text_config().hidden_size, heads.region_encoder.vector_size
    of_regions = {"states": D, "vectors": Z, "positions": 3, "looks": NAME}
    example |= {name: torch.zeros(B, N, size) for name, size in of_regions.items()}
    example |= {"question": torch.zeros(B, D), "limit": torch.zeros(B), "said": torch.ones(B, W, dtype=torch.bool)}
    example |= {name: torch.zeros(B, W, D) for name in ("words", "embeddings")}
    shapes = {name: _FREE | {1: Dim.DYNAMIC} for name in ("words", "embeddings", "said")}
    return _program(_OfModel(heads), example, shapes)


def export_region_encoder(encoder: RegionEncoder) -> ExportedProgram:
    """The region encoder (``model.region_encoder``) as a program, for any number of images, regions and cells.

    Its inputs are those of :meth:`RegionEncoder.forward`, by name and fp32, but uint8 ``close_ups_IM`` and long
    ``cells_I``; it returns what :class:`EncodedRegions` has, by name.

    Example:
        >>> from region_heads import RegionHeadsModel, export_region_encoder
        >>> model = RegionHeadsModel.from_pretrained("models/region_heads")
        >>> program = export_region_encoder(model.region_encoder)
        >>> type(program).__name__
        'ExportedProgram'
    """
    I, M, P, D = 2, 3, 5, encoder.norm.normalized_shape[0]  # noqa: E741 - as in the names of dimensions
    example = {
        "features_IPD": torch.zeros(I, P, D),
        "coverage_IMP": torch.zeros(I, M, P),
        "enclosure_IMP": torch.zeros(I, M, P),
        "geometry_IMG": torch.zeros(I, M, GEOMETRY_SIZE),
        "close_ups_IM": torch.zeros(I, M, 4, CLOSE_UP, CLOSE_UP, dtype=torch.uint8),
        "cells_I": torch.full((I,), P),
    }
    shapes = {
        name: {i: Dim.DYNAMIC for i, size in enumerate(name.rsplit("_", 1)[1]) if size in "IMP"} for name in example
    }
    return _program(_Named(encoder), example, shapes)


class _Named(nn.Module):
    """The encoder with a dictionary for its result: a program with another type could not be saved."""

    def __init__(self, encoder: RegionEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self, features_IPD: Tensor, coverage_IMP: Tensor, enclosure_IMP: Tensor, geometry_IMG: Tensor,
        close_ups_IM: Tensor, cells_I: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        of_images = self.encoder(features_IPD, coverage_IMP, enclosure_IMP, geometry_IMG, close_ups_IM, cells_I)
        return dict(zip(EncodedRegions._fields, of_images, strict=True))


class _OfFeatures(nn.Module):
    def __init__(self, heads: RegionHeads) -> None:
        super().__init__()
        self.heads = heads

    def forward(
        self, valid: Tensor, inside: Tensor, features: Tensor, question: Tensor, geometry: Tensor | None = None
    ) -> dict[str, Tensor]:
        return _answers(self.heads.router, self.heads.head_inputs(features, valid, geometry, question, inside))


class _OfModel(nn.Module):
    def __init__(self, model: RegionHeadsModel) -> None:
        super().__init__()
        self.encoder, self.heads, self.unit = model.region_encoder, model.region_heads, model.config.length_unit

    def forward(
        self, valid: Tensor, inside: Tensor, states: Tensor, vectors: Tensor, positions: Tensor, looks: Tensor,
        question: Tensor, limit: Tensor, said: Tensor, words: Tensor, embeddings: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        fits = self.encoder.fits(looks, embeddings) * said[:, None] * valid[..., None]
        return _answers(
            self.heads, HeadInputs(states, vectors, positions, inside, question, words, fits, valid, self.unit, limit)
        )


def _answers(router: HeadRouter, inputs: HeadInputs) -> dict[str, Tensor]:
    """Each head's answers to all questions."""
    outputs = {task: head(inputs) for task, head in router.heads.items()}
    return {f"{task}.{name}": getattr(output, name) for task, output in outputs.items() for name in RETURNED}


def _program(module: nn.Module, example: dict[str, Tensor], shapes: Mapping[str, Any]) -> ExportedProgram:
    """``module`` as a program on its device; sizes are free as ``shapes`` says, else the first of each input."""
    frozen = deepcopy(module).eval().requires_grad_(False)
    device = next(frozen.parameters()).device
    given = {name: tensor.to(device) for name, tensor in example.items()}
    return torch.export.export(frozen, (), given, dynamic_shapes={name: shapes.get(name, _FREE) for name in given})
