"""What is known of a region without reading colours: place and shape in the image, depth, place on the floor."""

import numpy as np
from numpy.typing import NDArray

from region_heads.floor_plane import Ground
from region_heads.lens import NOMINAL_FIELD_OF_VIEW, focal_length
from region_heads.masks import Spans

# One line for each entry of the vector. Horizontal quantities are centred, so that the mirror image of a region
# only changes signs: `-` is negated, `<` and `>` are negated and exchanged.
_ENTRIES: tuple[tuple[str, str], ...] = (
    ("centroid_x", "-"),  # -1..1 over the image width of the nominal lens, wider with a wider one; as the next six
    ("centroid_y", ""),  # -1..1 over the image height
    ("box_left", "<"),
    ("box_right", ">"),
    ("box_top", ""),
    ("box_bottom", ""),
    ("size", ""),  # square root of the share of the image
    ("fill", ""),  # share of its box that the region covers
    ("openness", ""),  # share of its convex hull that the region covers: things that stand on it hide the rest
    ("has_depth", ""),
    ("depth_mean", ""),  # depths in units of 10 m
    ("depth_p10", ""),
    ("depth_p50", ""),
    ("depth_p90", ""),
    ("has_floor", ""),
    ("floor_x_mean", "-"),  # floor coordinates in units of 5 m
    ("floor_y_mean", ""),
    ("floor_x_middle", "-"),  # middle of the extent: the centre of a footprint that is seen in part
    ("floor_y_middle", ""),
    ("floor_x_extent", ""),
    ("floor_y_extent", ""),
    ("height_mean", ""),  # above the floor, metres
    ("height_p90", ""),
    ("standing_area", ""),  # square metres that things take on the piece of floor which the region encloses
    ("standing_height", ""),  # their mean height, metres
    ("camera_height", ""),  # in units of 10 m
    ("camera_tilt", ""),  # share of the optical axis that points down
)
GEOMETRY_NAMES: tuple[str, ...] = tuple(name for name, _ in _ENTRIES)
GEOMETRY_SIZE = len(_ENTRIES)
_ANGLES = GEOMETRY_NAMES.index("fill")

_SIGNS = np.array([-1.0 if mirror else 1.0 for _, mirror in _ENTRIES], dtype=np.float32)
_ORDER = np.arange(GEOMETRY_SIZE)
for _low, _high in zip(
    [i for i, (_, mirror) in enumerate(_ENTRIES) if mirror == "<"],
    [i for i, (_, mirror) in enumerate(_ENTRIES) if mirror == ">"],
    strict=True,
):
    _ORDER[[_low, _high]] = _high, _low


def region_geometry(
    region: Spans,
    enclosed: Spans,
    depth: NDArray[np.float32] | None = None,
    ground: Ground | None = None,
    *,
    field_of_view: float = NOMINAL_FIELD_OF_VIEW,
) -> NDArray[np.float32]:
    """The geometry vector of a region.

    Args:
        region: A region with at least one pixel.
        enclosed: Its convex hull (``masks.hull``).
        depth: metres ``[height, width]``, 0 where unknown.
        ground: The same image in the frame of its floor (``survey``).
        field_of_view: degrees across the image width.

    Returns:
        float32 ``[GEOMETRY_SIZE]``, all entries of order 1; entries that need depth or a floor are 0 without.
    """
    vector = np.zeros(GEOMETRY_SIZE, dtype=np.float32)
    vector[:9] = _in_the_picture(region, enclosed)
    # An angle is the same number under every lens: all counts in focal lengths, in the unit of the nominal lens's.
    vector[:_ANGLES] *= focal_length(1, NOMINAL_FIELD_OF_VIEW) / focal_length(1, field_of_view)
    if depth is None:
        return vector
    ys, xs = region.pixels()
    z = depth[ys, xs].astype(np.float64)
    seen = z > 0
    if not seen.any():
        return vector
    z = z[seen]
    vector[9:14] = (1.0, z.mean() / 10, *(np.percentile(z, [10, 50, 90]) / 10))
    if ground is not None:
        vector[14:] = _on_the_floor(ground.at(ys[seen], xs[seen]).astype(np.float64), ground)
    return vector


def _in_the_picture(region: Spans, enclosed: Spans) -> tuple[float, ...]:
    height, width, area = region.height, region.width, region.area
    x = 2 * float(region.lengths @ (region.column + 0.5)) / area / width - 1
    y = float(region.lengths @ (region.top + region.bottom)) / area / height - 1
    left, right = 2 * region.column[0] / width - 1, 2 * (region.column[-1] + 1) / width - 1
    top, bottom = 2 * region.top.min() / height - 1, 2 * region.bottom.max() / height - 1
    share = area / (height * width)
    return (
        x, y, left, right, top, bottom, np.sqrt(share), 4 * share / ((right - left) * (bottom - top)),
        area / enclosed.area,
    )  # fmt: skip


def _on_the_floor(points: NDArray[np.float64], ground: Ground) -> tuple[float, ...]:
    low, high = np.percentile(points[:, :2], [2, 98], axis=0)
    return (
        1.0, *(points[:, :2].mean(0) / 5), *((low + high) / 10), *((high - low) / 5),
        points[:, 2].mean(), np.percentile(points[:, 2], 90), *ground.stands_on(points[:, :2]),
        ground.frame.camera_height / 10, -ground.frame.axes[2, 2],
    )  # fmt: skip


def mirrored(geometry: NDArray[np.float32]) -> NDArray[np.float32]:
    """Geometry vectors ``[..., GEOMETRY_SIZE]`` of the same regions in the horizontally mirrored image."""
    return (geometry * _SIGNS)[..., _ORDER]
