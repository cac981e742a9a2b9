"""Region masks as SVG outlines: from COCO RLE to a short path in the pixels of the embedded picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from PIL import Image

from region_heads.masks import spans

Pixels = npt.NDArray[np.int64]
_TOLERANCE = 0.7  # pixels of the embedded picture; a finer outline cannot be seen


@dataclass(frozen=True)
class Outline:
    """One region: ``path`` is an SVG path (even-odd), ``x``, ``y`` a point inside for its number."""

    path: str
    x: float
    y: float


def outline(counts: str, *, width: int, height: int, to_width: int) -> Outline:
    """The outline of a mask of ``height`` x ``width``, scaled so that the picture is ``to_width`` wide."""
    ys, xs = spans(counts, height=height, width=width).pixels()
    scale = to_width / width
    if not len(xs):
        return _box(xs, ys, scale)
    to_height = max(1, round(height * to_width / width))
    small, left, top = _reduced(xs, ys, (to_width, to_height), (scale, to_height / height))
    # A border of zeros closes the outlines of masks that touch the edge of the picture.
    lines = contour_generator(z=np.pad(small, 1).astype(np.float32)).lines(127.5)
    rings = [
        np.asarray(line, dtype=np.float64) - 0.5 + (left, top) for line in lines if len(line) > 3
    ]  # from padded cell centres to pixel edges
    if not rings:
        return _box(xs, ys, scale)
    path = "".join(_ring_path(simplify(ring, _TOLERANCE)) for ring in rings)
    x, y = _inner_point(xs, ys)
    return Outline(path, round((x + 0.5) * scale, 1), round((y + 0.5) * scale, 1))


def _reduced(
    xs: Pixels, ys: Pixels, size: tuple[int, int], scale: tuple[float, float]
) -> tuple[npt.NDArray[np.uint8], int, int]:
    """The region's part of the reduced mask, 0..255, with the column and row at which it starts.

    Only the region's box is reduced: of a whole picture nearly all would be empty.
    """
    starts, ends, origins = [], [], []
    for places, length, factor in zip((xs, ys), size, scale, strict=True):
        starts.append(min(int(places.min() * factor), length - 1))
        ends.append(min(int(np.ceil((places.max() + 1) * factor)), length))
        origins.append(int(starts[-1] / factor))
    box = [start / factor - origin for start, factor, origin in zip(starts, scale, origins, strict=True)]
    box += [end / factor - origin for end, factor, origin in zip(ends, scale, origins, strict=True)]
    part = np.zeros((int(np.ceil(box[3] - 1e-6)), int(np.ceil(box[2] - 1e-6))), dtype=np.uint8)
    part[ys - origins[1], xs - origins[0]] = 255
    reduced = Image.fromarray(part).resize(
        (ends[0] - starts[0], ends[1] - starts[1]),
        Image.Resampling.BOX,
        box=(max(0.0, box[0]), max(0.0, box[1]), min(box[2], part.shape[1]), min(box[3], part.shape[0])),
    )
    return np.asarray(reduced), starts[0], starts[1]


def simplify(ring: npt.NDArray[np.float64], tolerance: float) -> npt.NDArray[np.float64]:
    """Leaves out points that lie within ``tolerance`` of the line through those kept (Douglas & Peucker 1973).

    Args:
        ring: float64 ``[P, 2]``, closed or not; the first and last points always stay.
        tolerance: In the units of ``ring``.
    """
    keep = np.zeros(len(ring), dtype=bool)
    keep[[0, -1]] = True
    # A closed ring has no first line to compare with: its far point gives one.
    far = int(np.argmax(((ring - ring[0]) ** 2).sum(axis=1)))
    keep[far] = True
    spans = [(0, far), (far, len(ring) - 1)]
    while spans:
        start, end = spans.pop()
        if end - start < 2:
            continue
        chord, points = ring[end] - ring[start], ring[start + 1 : end] - ring[start]
        length = float(np.hypot(*chord))
        distance = (
            np.abs(points[:, 0] * chord[1] - points[:, 1] * chord[0]) / length
            if length
            else np.hypot(points[:, 0], points[:, 1])
        )
        worst = int(np.argmax(distance))
        if distance[worst] > tolerance:
            middle = start + 1 + worst
            keep[middle] = True
            spans += [(start, middle), (middle, end)]
    return ring[keep]


def _ring_path(ring: npt.NDArray[np.float64]) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in ring[:-1])
    return f"M{points}Z"


def _inner_point(xs: Pixels, ys: Pixels) -> tuple[float, float]:
    """The mask's pixel nearest to its centroid: a frame's centroid lies outside the frame's paint."""
    nearest = int(np.argmin((xs - xs.mean()) ** 2 + (ys - ys.mean()) ** 2))
    return float(xs[nearest]), float(ys[nearest])


def _box(xs: Pixels, ys: Pixels, scale: float) -> Outline:
    """Masks too thin to survive the reduction are shown by their box, at least three pixels wide."""
    if not len(xs):
        return Outline("", 0.0, 0.0)
    x, y = (float(xs.min() + xs.max() + 1) / 2 * scale, float(ys.min() + ys.max() + 1) / 2 * scale)
    half_w = max(1.5, float(np.ptp(xs) + 1) / 2 * scale)
    half_h = max(1.5, float(np.ptp(ys) + 1) / 2 * scale)
    path = f"M{x - half_w:.1f},{y - half_h:.1f}h{2 * half_w:.1f}v{2 * half_h:.1f}h{-2 * half_w:.1f}Z"
    return Outline(path, round(x, 1), round(y, 1))
