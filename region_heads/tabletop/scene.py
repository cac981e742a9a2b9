"""What a table scene is: solids and mats that can be asked about, a table, a lamp and a camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.camera import Camera

Array = NDArray[np.float64]
Colour = tuple[float, float, float]

SHAPES = ("sphere", "cylinder", "cube", "cone")
MATERIALS = ("metal", "rubber")
SIZES = ("small", "large")
COLOURS: dict[str, Colour] = {
    "red": (0.46, 0.020, 0.025), "orange": (0.74, 0.20, 0.010), "yellow": (0.76, 0.56, 0.020),
    "green": (0.020, 0.25, 0.035), "cyan": (0.020, 0.46, 0.48), "blue": (0.020, 0.075, 0.50),
    "purple": (0.23, 0.035, 0.38), "gray": (0.17, 0.17, 0.17),
}  # fmt: skip
"""Linear RGB by the name of the colour."""

TABLE = (1.6, 1.2, 0.72)
"""Lengths along x and y, height above the floor (metres); the middle of the table's top is the world's origin."""


@dataclass(frozen=True)
class Solid:
    """A solid on the table; its ground truth is the middle of its footprint."""

    shape: str
    colour: str
    material: str
    size: str
    x: float
    y: float
    yaw: float
    radius: float  # of the footprint; half an edge of a cube (metres)
    height: float
    tint: Colour  # the colour as it is, linear RGB

    @property
    def centre(self) -> Array:
        """x and y of the footprint's middle."""
        return np.array([self.x, self.y])

    @property
    def reach(self) -> float:
        """Largest distance of the footprint from its middle (metres)."""
        return self.radius * (2**0.5 if self.shape == "cube" else 1.0)


@dataclass(frozen=True)
class Mat:
    """A flat coloured rectangle that lies on the table and may hold solids."""

    colour: str
    x: float
    y: float
    yaw: float
    length: float  # along its own x axis (metres)
    width: float
    tint: Colour

    @property
    def centre(self) -> Array:
        """x and y of the middle."""
        return np.array([self.x, self.y])

    def local(self, points: Array) -> Array:
        """World points ``[..., 2]`` in the mat's own axes, from its middle."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        offset = points - self.centre
        return np.stack([offset[..., 0] * c + offset[..., 1] * s, offset[..., 1] * c - offset[..., 0] * s], axis=-1)

    def beyond(self, points: Array) -> Array:
        """How far points ``[..., 2]`` lie outside the nearest edge (metres); negative inside."""
        outside = np.abs(self.local(points)) - np.array([self.length, self.width]) / 2
        deepest: Array = outside.max(axis=-1)
        return np.where(deepest <= 0, deepest, np.linalg.norm(np.clip(outside, 0, None), axis=-1))

    def grid(self, steps: int) -> Array:
        """``steps * steps`` points spread evenly over the mat, ``[steps * steps, 2]``."""
        ticks = (np.arange(steps) + 0.5) / steps - 0.5
        a, b = (part.ravel() for part in np.meshgrid(ticks * self.length, ticks * self.width))
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.stack([self.x + c * a - s * b, self.y + s * a + c * b], axis=-1)


@dataclass(frozen=True)
class Scene:
    """Everything that a picture and its questions are made from."""

    solids: tuple[Solid, ...]
    mats: tuple[Mat, ...]  # regions are numbered through: solids first, then mats
    camera: Camera
    field_of_view: float  # degrees across the picture's width
    wooden: bool
    table: Colour
    floor: Colour
    grain: tuple[float, float]  # metres, into the texture
    lamp: Array  # [3], middle of the soft lamp
    exposure: float
