"""COCO run-length masks to patch coverage, without a picture of the mask in between.

A mask is kept as its vertical spans: what COCO's runs are, cut at the columns of the picture. Everything that a model
needs of a region (its share of each patch, its box, its centroid, what it encloses) is a sum over them, at a cost that
grows with the region's outline and not with the picture's size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from region_heads import rle

Mask = NDArray[np.bool_]

Window = tuple[float, float, float, float]
"""Part of a picture in pixels: left, top, right, bottom."""


@dataclass(frozen=True)
class Spans:
    """Vertical spans of a region in a picture of ``height x width`` pixels.

    Span ``i`` covers the rows from ``top[i]`` up to ``bottom[i]`` (a length; fractions of a pixel count as such) of
    the pixel column ``column[i]``. Columns ascend; one column may hold several spans that do not overlap.
    """

    height: int
    width: int
    column: NDArray[np.int64]  # [S]
    top: NDArray[np.float64]  # [S]
    bottom: NDArray[np.float64]  # [S]

    @property
    def lengths(self) -> NDArray[np.float64]:
        """Length of each span in pixels, ``[S]``."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area in pixels."""
        return float(self.lengths.sum())

    def pixels(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of all pixels of a region whose spans are whole pixels, ``[area]`` each."""
        lengths = self.lengths.astype(np.int64)
        first = np.cumsum(lengths) - lengths
        offset = np.arange(int(lengths.sum())) - np.repeat(first, lengths)
        return np.repeat(self.top.astype(np.int64), lengths) + offset, np.repeat(self.column, lengths)


def spans(counts: str, *, height: int, width: int) -> Spans:
    """The region behind compressed COCO ``counts``.

    Raises:
        ValueError: The counts are damaged or do not fit the picture; ``validate`` quarantines such records.
    """
    ends = np.cumsum(rle.runs([height, width], counts))
    stop = ends[1::2]
    start = ends[: 2 * len(stop) : 2]
    start, stop = start[stop > start], stop[stop > start]
    first, last = start // height, (stop - 1) // height
    pieces = last - first + 1
    piece = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    column = np.repeat(first, pieces) + piece
    above = column * height
    return Spans(
        height,
        width,
        column,
        np.maximum(np.repeat(start, pieces) - above, 0).astype(np.float64),
        np.minimum(np.repeat(stop, pieces) - above, height).astype(np.float64),
    )


def decode(counts: str, *, height: int, width: int) -> Mask:
    """The mask behind compressed COCO ``counts`` as a picture, for drawing: bool ``[height, width]``."""
    mask = np.zeros((height, width), dtype=bool)
    mask[spans(counts, height=height, width=width).pixels()] = True
    return mask


def coverage(region: Spans, *, rows: int, columns: int, window: Window | None = None) -> NDArray[np.float32]:
    """Share of every cell of a ``rows x columns`` grid that the region covers.

    The grid spans the whole image, so height and width are scaled independently, as they are when the image is
    resized to the backbone's input. Cells whose edges fall between pixels get the exact fractional area. A region,
    however small, covers some cell.

    Args:
        region: The region.
        rows, columns: Cells of the grid.
        window: What the grid spans in place of the whole image.

    Returns:
        float32 ``[rows * columns]`` in 0..1, row by row.
    """
    left, top, right, bottom = window or (0.0, 0.0, region.width, region.height)
    row_edges = np.linspace(top, bottom, rows + 1)
    column_edges = np.linspace(left, right, columns + 1)
    # How much of each span lies above each edge of the rows, and how much of its column in each column of the grid.
    above = np.clip(row_edges - region.top[:, None], 0.0, region.lengths[:, None])
    column = region.column[:, None]
    across = np.clip(np.minimum(column + 1, column_edges[1:]) - np.maximum(column, column_edges[:-1]), 0.0, None)
    area = np.diff(above.T @ across, axis=0)
    share: NDArray[np.float32] = (area * (rows * columns / ((bottom - top) * (right - left)))).astype(np.float32)
    return share.reshape(-1)


def around(region: Spans, *, wider: float) -> Window:
    """The square around a region of at least one pixel, ``wider`` times as wide as its longer side, in the picture.

    At the picture's edge it is moved inwards; where it is larger than the picture, it is the picture there.
    """
    left, right = float(region.column[0]), float(region.column[-1] + 1)
    top, bottom = float(region.top.min()), float(region.bottom.max())
    side = wider * max(right - left, bottom - top)
    width, height = min(side, region.width), min(side, region.height)
    left = min(max((left + right - width) / 2, 0.0), region.width - width)
    top = min(max((top + bottom - height) / 2, 0.0), region.height - height)
    return left, top, left + width, top + height


def hull(region: Spans) -> Spans:
    """The convex hull: what an area encloses, also where things that stand in it hide it.

    The hull is that of the region's pixels as squares; each column's span is where its middle line crosses it.

    Args:
        region: A region of at least one pixel.
    """
    first = np.flatnonzero(np.diff(region.column, prepend=-1))
    column = region.column[first]
    top = np.minimum.reduceat(region.top, first)
    bottom = np.maximum.reduceat(region.bottom, first)
    corners = np.stack([np.tile([*column, *(column + 1)], 2), [*top, *top, *bottom, *bottom]], 1)
    # Each edge is a half plane a*x + b*y + c <= 0: those with b < 0 bound the hull from above (small y).
    a, b, c = ConvexHull(corners).equations.T
    enclosed = np.arange(column[0], column[-1] + 1)
    middle = enclosed + 0.5
    upper, lower = b < -1e-9, b > 1e-9
    return Spans(
        region.height,
        region.width,
        enclosed,
        (-(np.outer(a[upper], middle) + c[upper, None]) / b[upper, None]).max(0),
        (-(np.outer(a[lower], middle) + c[lower, None]) / b[lower, None]).min(0),
    )
