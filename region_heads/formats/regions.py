"""A record's regions once the size of its picture is known: masks of that size, boxes as masks, arrays as either."""

from dataclasses import replace
from typing import Any

import numpy as np

from region_heads.errors import RegionHeadsError
from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.checks import problem_of
from region_heads.formats.problem import Problem
from region_heads.picture_file import Shape, size_advice
from region_heads.rle import box_counts, check_rle, mask_counts

BOX_ORDER = "box_order"
"""The check that closes the gate of `validate`: one such box casts doubt on every bare one."""


def as_written(region: Any) -> Any:
    """A region in the form that records have: a mask ``[height, width]`` as its runs, a box ``[4]`` as a list.

    Run lengths of pycocotools, whose counts are bytes, become text. What else is no array, nor a tensor on the CPU,
    stays as it is.

    Raises:
        RegionHeadsError: A mask is neither of bool nor of whole numbers.
    """
    if isinstance(region, dict) and isinstance(region.get("counts"), bytes):  # as pycocotools writes them
        return region | {"counts": region["counts"].decode("ascii", "replace")}
    if not hasattr(region, "__array__"):
        return region
    array = np.asarray(region)
    if array.ndim != 2:
        return array.tolist()
    if array.dtype.kind not in "bui":
        raise RegionHeadsError(
            f"regions: expected a mask of bool, found {array.dtype}; compare the scores with a threshold first"
        )
    return {"size": list(array.shape), "counts": mask_counts(array != 0)}


def size_problems(candidate: Candidate, size: tuple[int, int], picture: Shape | None) -> list[Problem]:
    """Masks of another size than the picture's, or, where that is absent, than the record's first mask."""
    if picture is None:
        expected = f"{list(size)}, as the record's first mask, since the picture is absent"
    else:
        expected = f"the picture's height and width {list(size)}{picture.turning}"
    return [
        Problem(
            "rle_size",
            f"{region.field}.size",
            expected,
            str(region.size),
            size_advice(picture, region.size) if picture else "make all masks for this picture",
        )
        for region in candidate.regions
        if region.size is not None and region.size != list(size)
    ]


def with_counts(
    candidate: Candidate, size: tuple[int, int], sizes: list[int]
) -> tuple[Candidate, list[int], list[Problem]]:
    """Boxes turned into masks, and the areas of all regions."""
    if all(region.box is None for region in candidate.regions):
        return candidate, sizes, []
    regions, problems, all_sizes = [], [], []
    height, width = size
    of_masks = iter(sizes)
    for region in candidate.regions:
        if region.box is None:
            regions.append(region)
            all_sizes.append(next(of_masks, 0))  # 0: a mask with a fault of its own, which is reported already
            continue
        try:
            counts = box_counts(region.box, height=height, width=width)
            all_sizes.append(check_rle(list(size), counts))
            regions.append(Region(region.field, size=list(size), counts=counts))
        except ValueError as error:
            problems.append(_box_problem(region, error, height=height, width=width))
    return replace(candidate, regions=regions), all_sizes, problems


def _box_problem(region: Region, error: ValueError, *, height: int, width: int) -> Problem:
    """Of four bare numbers that could be COCO's left, top, width and height, the other ones are not what they seem."""
    left, top, right, bottom = region.box or (0.0, 0.0, 0.0, 0.0)
    sides = left + right <= width and top + bottom <= height and min(left, top) >= 0 < min(right, bottom)
    if region.bare and sides and (right <= left or bottom <= top):
        return problem_of(BOX_ORDER, region.field, error, 'if it is left, top, width, height, write {"xywh": […]}')
    return problem_of("rle", region.field, error, "correct the box: left, top, right, bottom")
