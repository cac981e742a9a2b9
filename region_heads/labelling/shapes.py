"""Regions in the forms that tools export, as the forms that the flat format reads: masks, and boxes by name."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from region_heads.formats.problem import shown
from region_heads.labelling.choices import NamedBoxes
from region_heads.rle import check_size

Region = dict[str, Any]
Size = tuple[int, int]
"""Height and width."""

_UNITS = {"": 0, "fraction": 1, "percent": 100, "permille": 1000}
_OUTSIDE = 1.0
"""Pixels that a drawn point may lie outside of the picture."""


def box(numbers: Sequence[Any], boxes: NamedBoxes, size: Size) -> Region:
    """A box in pixels, to a ten-thousandth of one.

    Raises:
        ValueError: It is not four finite numbers.

    Example:
        >>> box([10, 20, 50, 30], NamedBoxes.SIDES_PERCENT, (200, 100))
        {'xyxy': [10.0, 40.0, 60.0, 100.0]}
    """
    order, _, unit = boxes.value.partition("-")
    values = _finite(numbers, "a box of four numbers")
    if len(values) != 4:
        raise ValueError(f"expected a box of four numbers, found {len(values)}")
    if whole := _UNITS[unit]:
        height, width = size
        values = [value * side / whole for value, side in zip(values, (width, height, width, height), strict=True)]
        if order == "xywh":  # whose sides, each rounded, might end a little behind the picture
            order, values[2:] = "xyxy", [values[0] + values[2], values[1] + values[3]]
    return {order: [round(value, 4) for value in values]}


def polygon(rings: Sequence[Sequence[Any]], size: Size) -> Region:
    """The mask of polygons, each as x, y, x, y, …, in pixels, as COCO fills them.

    Raises:
        ValueError: A ring has fewer than three points, or one outside of the picture.
    """
    from pycocotools import mask as coco

    height, width = check_size(list(size))
    if not isinstance(rings, list | tuple):
        raise ValueError(f"expected polygons of x, y, x, y, …, found {shown(rings)}")  # noqa: TRY004 - a fault of the export
    points = [_finite(ring, "a polygon of x, y, x, y, …") for ring in rings]
    for ring in points:
        if len(ring) < 6 or len(ring) % 2:
            raise ValueError(f"expected a polygon of at least three points, found {len(ring)} numbers")
        for values, side in ((ring[::2], width), (ring[1::2], height)):
            if min(values) < -_OUTSIDE or max(values) > side + _OUTSIDE:
                raise ValueError(f"expected points inside {width} x {height} pixels, found {shown(ring)}")
    if not points:
        raise ValueError("expected a polygon, found none")
    merged = coco.merge(coco.frPyObjects(points, height, width))
    return {"size": [height, width], "counts": merged["counts"].decode("ascii")}


def run_lengths(rle: Any, size: Size | None = None) -> Region:
    """COCO's run lengths, compressed or not, as compressed ones.

    Raises:
        ValueError: They are none, or do not add up to the picture.
    """
    if not isinstance(rle, dict) or "counts" not in rle:
        raise ValueError(f"expected run lengths (size, counts), found {shown(rle)}")
    claimed, counts = rle.get("size", list(size) if size else None), rle["counts"]
    if isinstance(counts, bytes):
        counts = counts.decode("ascii", "replace")
    if not isinstance(counts, list):
        return {"size": claimed, "counts": counts}  # judged with all others
    height, width = check_size(claimed)
    lengths = _finite(counts, "run lengths of whole numbers")
    if any(length < 0 or length != int(length) for length in lengths) or sum(lengths) != height * width:
        raise ValueError(f"expected run lengths that add up to {height} x {width} pixels, found {sum(lengths):g}")
    values = np.arange(len(lengths)) % 2 == 1
    return mask(np.repeat(values, np.array(lengths, np.int64)).reshape(width, height).T)


def mask(pixels: NDArray[np.bool_]) -> Region:
    """A mask ``[height, width]`` as run lengths."""
    from pycocotools import mask as coco

    found = coco.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": [int(side) for side in found["size"]], "counts": found["counts"].decode("ascii")}


def _finite(values: Any, words: str) -> list[float]:
    if not isinstance(values, list | tuple) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) for value in values
    ):
        raise ValueError(f"expected {words}, found {shown(values)}")
    return [float(value) for value in values]
