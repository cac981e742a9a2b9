"""Where what a picture shows lies in space, cell by cell of a feature map, as depth tells it."""

import numpy as np
from numpy.typing import NDArray

from region_heads.floor_plane import Ground, image_rays

# One line for each entry; `-` is negated in the mirror image. All are of order 1, in the image format's unit of length.
_ENTRIES: tuple[tuple[str, str], ...] = (
    ("has_depth", ""),  # share of the cell whose depth is known
    ("camera_right", "-"),  # in units of 5 m, as the floor's
    ("camera_down", ""),
    ("camera_ahead", ""),  # the depth itself, in units of 10 m
    ("has_floor", ""),
    ("floor_right", "-"),
    ("floor_ahead", ""),
    ("height", ""),  # above the floor, metres
)
COORDINATE_NAMES: tuple[str, ...] = tuple(name for name, _ in _ENTRIES)
COORDINATES = len(_ENTRIES)

_SIGNS = np.array([-1.0 if mirror else 1.0 for _, mirror in _ENTRIES], dtype=np.float32)
_SCALE = np.array([1, 5, 5, 10, 1, 5, 5, 1])
_SAMPLED = 4  # pixels of a cell in each direction whose depth is read


def cell_coordinates(
    depth: NDArray[np.float32] | None, ground: Ground | None, *, grid: tuple[int, int], field_of_view: float
) -> NDArray[np.float32]:
    """Mean place of what each cell shows, in the camera's frame and in the floor's.

    Args:
        depth: metres ``[height, width]``, 0 where unknown.
        ground: The same image in the frame of its floor (``survey``).
        grid: Rows and columns of the feature map, which spans the picture.
        field_of_view: degrees across the image width.

    Returns:
        float32 ``[rows * columns, COORDINATES]``; entries that need depth or a floor are 0 without.

    Example:
        >>> import numpy as np
        >>> wall = np.full((4, 8), 3.0, np.float32)  # three metres ahead, everywhere
        >>> cells = cell_coordinates(wall, None, grid=(1, 2), field_of_view=90)
        >>> [round(float(metres), 2) for metres in 5 * cells[:, COORDINATE_NAMES.index("camera_right")]]
        [-1.5, 1.5]
    """
    rows, columns = grid
    cells = np.zeros((rows * columns, COORDINATES), dtype=np.float32)
    if depth is None:
        return cells
    ys, xs = (
        ((np.arange(number * _SAMPLED) + 0.5) * side / (number * _SAMPLED)).astype(np.int64)
        for number, side in zip(grid, depth.shape, strict=True)
    )
    u, v = image_rays(*depth.shape, field_of_view=field_of_view)
    z = depth[np.ix_(ys, xs)].astype(np.float64)
    seen = z > 0
    camera = [z * u[xs], z * v[ys][:, None], z]
    flat = np.repeat(ys, len(xs)), np.tile(xs, len(ys))
    floor = [np.zeros_like(z)] * 4 if ground is None else [seen, *ground.at(*flat).T.reshape(3, *z.shape)]
    sampled = np.stack([seen, *camera, *floor], axis=-1) / _SCALE
    sampled[~seen] = 0
    sums = sampled.reshape(rows, _SAMPLED, columns, _SAMPLED, COORDINATES).sum((1, 3)).reshape(-1, COORDINATES)
    known = sums[:, :1]
    cells[:] = sums / np.maximum(known, 1)
    cells[:, 0] = known[:, 0] / _SAMPLED**2
    return cells


def mirrored_cells(cells: NDArray[np.float32], *, columns: int) -> NDArray[np.float32]:
    """Coordinates ``[P, COORDINATES]`` of the cells of the horizontally mirrored image."""
    mirrored: NDArray[np.float32] = cells.reshape(-1, columns, COORDINATES)[:, ::-1].reshape(cells.shape) * _SIGNS
    return mirrored
