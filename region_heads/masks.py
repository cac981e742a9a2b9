"""COCO run-length masks to patch coverage: how much of each patch of an image a region covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco
from scipy.spatial import ConvexHull, QhullError

Mask = NDArray[np.bool_]


def decode(counts: str, *, height: int, width: int) -> Mask:
    """The mask behind compressed COCO ``counts``: bool ``[height, width]``."""
    bitmap = coco.decode({"size": [height, width], "counts": counts.encode("ascii")})
    return np.asarray(bitmap, dtype=bool)


def coverage(mask: Mask, *, rows: int, columns: int) -> NDArray[np.float32]:
    """Share of every cell of a ``rows x columns`` grid that the mask covers.

    The grid spans the whole image, so height and width are scaled independently, as they are when the
    image is resized to the backbone's input. Cells whose edges fall between pixels get the exact fractional
    area. A region, however small, covers some cell.

    Args:
        mask: bool ``[height, width]``, any aspect ratio, also smaller than the grid.

    Returns:
        float32 ``[rows * columns]`` in 0..1, row by row.
    """
    by_row = _area_matrix(mask.shape[0], rows) @ mask.astype(np.float32)
    grid = by_row @ _area_matrix(mask.shape[1], columns).T
    return np.ascontiguousarray(grid.reshape(-1), dtype=np.float32)


def hull(mask: Mask) -> Mask:
    """The convex hull of a mask, as a mask: what an area encloses, also where things that stand in it hide it.

    Args:
        mask: bool ``[height, width]`` with at least one pixel.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    top = mask[:, columns].argmax(axis=0)
    bottom = mask.shape[0] - 1 - mask[::-1, columns].argmax(axis=0)
    outline = np.concatenate([np.stack([columns, top], 1), np.stack([columns, bottom], 1)])
    try:
        corners = outline[ConvexHull(outline).vertices]
    except QhullError:  # all on one line: the region is its own hull
        return mask
    filled = Image.new("1", (mask.shape[1], mask.shape[0]))
    ImageDraw.Draw(filled).polygon([(int(x), int(y)) for x, y in corners], fill=1, outline=1)
    return np.asarray(filled) | mask


def _area_matrix(pixels: int, cells: int) -> NDArray[np.float32]:
    """``[cells, pixels]``: share of each cell's length that lies in each pixel; rows sum to 1."""
    edges = np.linspace(0.0, pixels, cells + 1)
    low = np.maximum(edges[:-1, None], np.arange(pixels)[None, :])
    high = np.minimum(edges[1:, None], np.arange(1, pixels + 1)[None, :])
    share: NDArray[np.float32] = (np.clip(high - low, 0.0, None) * (cells / pixels)).astype(np.float32)
    return share
