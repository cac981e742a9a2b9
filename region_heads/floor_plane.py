"""The floor seen by a depth camera: its plane, and the frame in which distances on it are measured.

A pinhole camera with depth ``z`` along its axis sees the point ``z * (u, v, 1)`` at the normalised image
position ``(u, v)``. On a plane ``n . P = 1`` the inverse depth is therefore linear in the image:
``1 / z = n . (u, v, 1)``, so that a plane is found from three pixels without iteration.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from region_heads.lens import NOMINAL_FIELD_OF_VIEW, focal_length

Array = NDArray[np.float64]

_CELL = 0.1  # metres a side of the cells in which occupied floor is counted: wider than the pixels of a picture at 12 m

_ENOUGH_PIXELS = 640 * 360
"""Pixels of a picture in which every cell that is seen holds some, at the distances of a hall."""

_ON_THE_EDGE = 1e-6  # metres outside a piece of floor that still are on its edge, where its own corners lie
_MANY_CELLS = 1 << 20  # more cells than a floor has in one direction

_STANDING = (0.08, 3.0)
"""Metres above the floor between which something stands on it: above what depth noise reaches, below a ceiling."""

_FEWEST_PIXELS = 50  # with a known depth, of the sampled ones
_HYPOTHESES = 160
_TOLERANCE = 0.02  # of the inverse depth: 2 % is 16 cm at 8 m, above depth noise and below a pallet's height
_MIN_SHARE = 0.1  # of the sampled pixels must lie on the floor, else no floor is claimed


@dataclass(frozen=True)
class FloorFrame:
    """Axes on the floor below the camera; ``to_floor`` maps camera coordinates to (right, ahead, up) metres."""

    axes: Array  # [3, 3], rows: right, ahead, up, in camera coordinates
    camera_height: float  # metres

    def to_floor(self, points: Array) -> Array:
        """Camera-frame points ``[n, 3]`` (metres) to floor-frame points ``[n, 3]``; z is the height."""
        located = points @ self.axes.T
        located[:, 2] += self.camera_height
        return located


@dataclass(frozen=True)
class Ground:
    """Where everything in a picture stands.

    Attributes:
        frame: The floor's frame.
        depth: float32 ``[height, width]``, metres, 0 where unknown.
        field_of_view: degrees across the width.
        standing: float32 ``[n, 3]``, what is clearly above the floor, in the floor's frame, from left to right;
            of large pictures only every k-th pixel, which is still denser than the cells that are counted.
    """

    frame: FloorFrame
    depth: NDArray[np.float32]
    field_of_view: float
    standing: NDArray[np.float32]

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Pixels in the floor's frame: float32 ``[n, 3]``, NaN where the depth is unknown.

        Args:
            rows, columns: ``[n]`` each.
        """
        u, v = image_rays(*self.depth.shape, field_of_view=self.field_of_view)
        z = self.depth[rows, columns].astype(np.float64)
        points = self.frame.to_floor(np.stack([z * u[columns], z * v[rows], z], axis=-1)).astype(np.float32)
        points[z <= 0] = np.nan
        return points

    def stands_on(self, corners: Array) -> tuple[float, float]:
        """What stands on a convex piece of floor.

        Args:
            corners: ``[k, 2]`` points on the floor, in metres; the piece is their convex hull.

        Returns:
            The area that things take on it as far as they are seen, in square metres, and their mean height in metres;
            zeros where nothing stands.
        """
        low, high = corners.min(0), corners.max(0)
        first, last = np.searchsorted(self.standing[:, 0], [low[0], np.nextafter(high[0], np.inf)])
        near = self.standing[first:last]
        near = near[(near[:, 1] >= low[1]) & (near[:, 1] <= high[1])]
        try:
            edges = ConvexHull(corners).equations
        except QhullError:  # a line, or a single point
            return 0.0, 0.0
        here = near
        for right, ahead, offset in edges:
            here = here[here[:, 0] * right + here[:, 1] * ahead + offset <= _ON_THE_EDGE]
        if len(here) == 0:
            return 0.0, 0.0
        cells = np.floor(here[:, :2] / _CELL).astype(np.int64)
        occupied = len(np.unique(cells[:, 0] * _MANY_CELLS + cells[:, 1]))
        return occupied * _CELL**2, float(here[:, 2].mean())


def survey(depth: NDArray[np.float32], *, field_of_view: float = NOMINAL_FIELD_OF_VIEW) -> Ground | None:
    """What stands on the floor that the depth image (metres, ``[height, width]``) shows, if it shows one."""
    frame = fit_floor(depth, field_of_view=field_of_view)
    if frame is None:
        return None
    stride = max(1, round((depth.size / _ENOUGH_PIXELS) ** 0.5))
    rows, columns = (np.arange(0, side, stride) for side in depth.shape)
    everything = Ground(frame, depth, field_of_view, np.empty((0, 3), np.float32))
    points = everything.at(np.repeat(rows, len(columns)), np.tile(columns, len(rows)))
    above = (points[:, 2] > _STANDING[0]) & (points[:, 2] < _STANDING[1])
    standing = points[above]
    return replace(everything, standing=standing[np.argsort(standing[:, 0], kind="stable")])


def image_rays(height: int, width: int, *, field_of_view: float = NOMINAL_FIELD_OF_VIEW) -> tuple[Array, Array]:
    """Normalised image positions ``u [width]`` and ``v [height]`` of pixel centres; square pixels."""
    focal = focal_length(width, field_of_view)
    columns, rows = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    return (columns + 0.5 - width / 2) / focal, (rows + 0.5 - height / 2) / focal


def fit_floor(depth: NDArray[np.float32], *, field_of_view: float = NOMINAL_FIELD_OF_VIEW) -> FloorFrame | None:
    """The plane that most pixels lie on and few lie below, by RANSAC with a fixed seed.

    Args:
        depth: metres along the optical axis ``[height, width]``; 0 where unknown.

    Returns:
        The floor's frame, or None when no plane explains enough of the image.
    """
    rays, inverse = _sampled(depth, field_of_view)
    if len(rays) < _FEWEST_PIXELS:
        return None
    picks = np.random.default_rng(0).integers(0, len(rays), size=(_HYPOTHESES, 3))
    picks = picks[np.abs(np.linalg.det(rays[picks])) > 1e-4]
    if len(picks) == 0:
        return None
    normals = np.linalg.solve(rays[picks], inverse[picks][..., None])[..., 0]  # [h, 3]
    # Relative deviation of the inverse depth: positive above the plane (nearer to the camera).
    deviation = inverse[None] / np.clip(normals @ rays.T, 1e-6, None) - 1.0  # [h, n]
    on_plane = np.abs(deviation) < _TOLERANCE
    score = on_plane.sum(1) - 2 * (deviation < -2 * _TOLERANCE).sum(1)
    inliers = on_plane[int(score.argmax())]
    if inliers.mean() < _MIN_SHARE:
        return None
    return _frame(np.linalg.lstsq(rays[inliers], inverse[inliers], rcond=None)[0])


def _sampled(depth: NDArray[np.float32], field_of_view: float) -> tuple[Array, Array]:
    """Rays ``[n, 3]`` and inverse depths ``[n]`` of a grid of pixels whose depth is known."""
    height, width = depth.shape
    rows = np.linspace(0, height - 1, min(height, 40)).astype(int)
    columns = np.linspace(0, width - 1, min(width, 64)).astype(int)
    sampled = depth[np.ix_(rows, columns)].astype(np.float64)
    known = sampled > 0
    u, v = image_rays(height, width, field_of_view=field_of_view)
    grid_u, grid_v = np.meshgrid(u[columns], v[rows])
    return np.stack([grid_u[known], grid_v[known], np.ones(int(known.sum()))], axis=1), 1.0 / sampled[known]


def _frame(normal: Array) -> FloorFrame | None:
    length = float(np.linalg.norm(normal))
    if not 1e-3 < length < 1e3:
        return None
    down = normal / length
    # The optical axis and the image's up direction both point ahead on the floor, one of them always clearly.
    ahead = np.array([0.0, -1.0, 1.0])
    ahead -= (ahead @ down) * down
    ahead /= np.linalg.norm(ahead)
    right = np.cross(down, ahead)
    return FloorFrame(axes=np.stack([right, ahead, -down]), camera_height=1.0 / length)
