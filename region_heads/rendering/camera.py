"""A pinhole camera under the ceiling: its pose, its rays, and where points of the world appear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Square pixels, principal point in the middle; the world's z points up, its floor is z = 0 (metres)."""

    position: Array  # [3]
    axes: Array  # [3, 3], rows: image right, image down, optical axis, in world coordinates
    focal: float  # pixels
    width: int
    height: int

    @staticmethod
    def looking(
        at: tuple[float, float],
        *,
        height: float,
        pitch: float,
        yaw: float,
        roll: float,
        fov: float,
        size: tuple[int, int],
    ) -> Camera:
        """A camera ``height`` metres up whose axis meets the floor in ``at``.

        Args:
            at: x and y on the floor.
            height: metres above the floor.
            pitch: angle of the optical axis below the horizon.
            yaw: direction of view on the floor, counter-clockwise from +y.
            roll: turn about the optical axis.
            fov: horizontal field of view.
            size: width and height of the picture in pixels.

        All angles are in degrees.
        """
        p, a, r = np.radians([pitch, yaw, roll])
        ahead = np.array([-np.sin(a), np.cos(a), 0.0])
        forward = np.cos(p) * ahead - np.array([0.0, 0.0, np.sin(p)])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        down = np.cross(forward, right)
        axes = np.stack([np.cos(r) * right + np.sin(r) * down, np.cos(r) * down - np.sin(r) * right, forward])
        position = np.array([at[0], at[1], 0.0]) - forward * (height / np.sin(p))
        return Camera(position, axes, 0.5 * size[0] / np.tan(np.radians(fov) / 2), size[0], size[1])

    def shrunk(self, factor: int) -> Camera:
        """The same view with a ``factor`` times coarser picture."""
        return Camera(self.position, self.axes, self.focal / factor, self.width // factor, self.height // factor)

    def rays(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Directions ``[..., 3]`` through image positions (pixels; 0.5 is the middle of the first pixel).

        Their length is such that a ray's parameter is the planar depth of the point it reaches.
        """
        u, v = (x - self.width / 2) / self.focal, (y - self.height / 2) / self.focal
        axes = self.axes.astype(np.float32)
        directions = u[..., None] * axes[0] + v[..., None] * axes[1] + axes[2]
        return np.ascontiguousarray(directions, dtype=np.float32)

    def pixel_rays(self) -> NDArray[np.float32]:
        """Rays through all pixel centres, row by row ``[height * width, 3]``."""
        x, y = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        return self.rays(x.ravel().astype(np.float32), y.ravel().astype(np.float32))

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Image positions x and y (pixels) and planar depth (metres) of world points ``[..., 3]``."""
        local = (points - self.position) @ self.axes.T
        depth = local[..., 2]
        safe = np.where(depth > 1e-6, depth, np.nan)
        x = local[..., 0] / safe * self.focal + self.width / 2
        y = local[..., 1] / safe * self.focal + self.height / 2
        return x, y, depth

    def sees(self, points: Array) -> NDArray[np.bool_]:
        """Which world points ``[..., 3]`` lie within the picture, hidden or not."""
        x, y, depth = self.project(points)
        inside: NDArray[np.bool_] = (depth > 0) & (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        return inside
