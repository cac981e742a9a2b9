"""The batch: what the collator makes of some questions and the model reads.

Dimensions: ``B`` questions, ``R`` rows (one or more questions behind their image), ``L`` tokens of a row, ``I`` images,
``M`` regions of an image, ``T`` image tokens, ``N`` regions of a question, ``P`` cells of a feature map, ``G`` numbers
of a region's geometry, ``C`` numbers of a place in space, ``K`` names of regions, ``W`` words of a question. Tensors
are long where nothing else is said; -1 pads positions and indices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""Label of tokens that the language-model loss leaves out."""


def _no_places() -> Tensor:
    return torch.empty(0, dtype=torch.long)


def _no_names() -> Tensor:
    return torch.empty(0, 0, dtype=torch.long)


@dataclass(frozen=True)
class Targets:
    """What the questions should be answered."""

    target: Mapping[str, Tensor]  # by task: [n_task] in the task's own dtype, in the order of its task_index
    answer_order: Tensor  # [B, N] the regions that the answer is about: 1, 2, … in order of mention, 0 elsewhere
    anchor_order: Tensor  # [B, N] likewise for those that helped to find them
    grounded: Tensor  # bool [B] whether the two rows above are known
    labelled: Tensor  # bool [B] where False, what stands in `target` teaches nothing
    named: Tensor = field(default_factory=_no_places)  # [K] regions, as places in [I, M] laid end to end
    names: Tensor = field(default_factory=_no_names)  # [K, words] tokens of what each is called; -1 pads


@dataclass(frozen=True)
class Batch:
    """Questions as the model reads them; the collator makes it on the CPU."""

    input_ids: Tensor  # [R, L] ids at image positions are ignored
    segments: Tensor  # [R, L] 0 on the image's prefix, 1, 2, … on the row's questions, -1 on padding
    position_ids: Tensor  # [R, L] each question's go on from the prefix
    image_index: Tensor  # [R] the image of each row
    image_positions: Tensor  # [R, T] where the image tokens lie in the row
    pixel_values: Tensor  # fp32 [I, C, H, W] each image once, smaller ones padded with 0
    overviews: Tensor | None  # fp32 [I, C, U, U] each image as a whole, where the tower reads its tiles
    coordinates: Tensor | None  # fp32 [I, P, C] place of each cell in space, where the model reads it
    sizes: Tensor  # [I, 2] height and width of each image
    grids: Tensor  # [I, 2] rows and columns of each image's feature map
    coverage: Tensor  # fp32 [I, M, P] share of each cell of the feature map that a region covers
    enclosure: Tensor  # fp32 [I, M, P] the same of the regions' convex hulls
    geometry: Tensor  # fp32 [I, M, G] `region_geometry` vectors
    close_ups: Tensor  # uint8 [I, M, 4, S, S] colours and mask around each region
    row_index: Tensor  # [B] the row of each question
    mask_positions: Tensor  # [B, N] where in their row the `<mask>` tokens lie
    read_out_positions: Tensor  # [B, N] likewise for the read-out tokens
    word_positions: Tensor  # [B, W] likewise for the question's words, its masks left out
    answer_positions: Tensor  # [B] where the answer token lies
    region_index: Tensor  # [B, N] each question's regions among those of its image
    task_types: Tensor  # [B] each question's task as its index in `region_heads.tasks.TASKS`
    task_index: Mapping[str, Tensor]  # by task: [n_task] the places of its questions among the B
    limits: Tensor | None = None  # fp32 [B] the length that each question says, in units of length; 0: none
    word_states: Tensor | None = None  # fp32 [B, W, S] what the text encoder says of each word, where there is one
    targets: Targets | None = None  # None asks for answers alone
    labels: Tensor | None = None  # [R, L] tokens of the text answers, IGNORED elsewhere
    # By task, "language" for label tokens and "names" for names of regions: how many the whole optimiser step has, over
    # all ranks and accumulated batches; None counts this batch.
    step_counts: Mapping[str, Tensor] | None = None

    @property
    def unanswered(self) -> Batch:
        """The same questions without what they should be answered."""
        return replace(self, targets=None, labels=None)

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device."""
        moved: Batch = _each(self, lambda tensor: tensor.to(device))
        return moved

    def pin_memory(self) -> Batch:
        """The batch in pinned memory; called by PyTorch's loader where that is asked for."""
        pinned: Batch = _each(self, lambda tensor: tensor.pin_memory())
        return pinned


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """``value`` with each tensor in it changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _each(inner, change) for key, inner in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _each(getattr(value, field.name), change) for field in fields(value)})
    return value
