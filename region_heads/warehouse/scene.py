"""What a scene is: regions that can be asked about, boxes that are drawn, a camera and a floor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.camera import Camera
from region_heads.warehouse.boxes import BoxArrays

Array = NDArray[np.float64]


class Kind(StrEnum):
    """Kinds of regions."""

    PALLET = "pallet"
    BUFFER = "buffer"
    SHELF = "shelf"
    TRANSPORTER = "transporter"


@dataclass(frozen=True)
class Rectangle:
    """A rectangle on the floor: centre, length along its own x axis, width, yaw (metres, radians)."""

    x: float
    y: float
    length: float
    width: float
    yaw: float

    @property
    def centre(self) -> Array:
        """x and y of the middle."""
        return np.array([self.x, self.y])

    def local(self, points: NDArray[np.floating[Any]]) -> Array:
        """World points ``[..., 2]`` in the rectangle's own axes, from its middle."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        offset = points - self.centre
        return np.stack([offset[..., 0] * c + offset[..., 1] * s, offset[..., 1] * c - offset[..., 0] * s], axis=-1)

    def at(self, along: float, across: float) -> tuple[float, float]:
        """World position of a point given in the rectangle's own axes."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return float(self.x + c * along - s * across), float(self.y + s * along + c * across)

    def corners(self) -> Array:
        """The four corners ``[4, 2]``."""
        signs = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        return np.array([self.at(a * self.length, b * self.width) for a, b in signs])

    def grid(self, steps: int) -> Array:
        """``steps * steps`` points spread evenly over the rectangle, ``[steps * steps, 2]``."""
        ticks = (np.arange(steps) + 0.5) / steps - 0.5
        return np.array([self.at(a * self.length, b * self.width) for a in ticks for b in ticks])

    def margin_inside(self, point: Array) -> float:
        """Distance of a point from the nearest edge; positive inside, negative outside (metres)."""
        beyond = np.abs(self.local(point)) - np.array([self.length, self.width]) / 2
        return -float(beyond.max()) if beyond.max() <= 0 else -float(np.linalg.norm(np.clip(beyond, 0, None)))

    def apart(self, other: Rectangle, gap: float) -> bool:
        """Whether at least about ``gap`` metres lie between the two rectangles (separating axes)."""
        mine, theirs = self.corners(), other.corners()
        for yaw in (self.yaw, other.yaw):
            for axis in (np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])):
                a, b = mine @ axis, theirs @ axis
                if a.min() - b.max() >= gap or b.min() - a.max() >= gap:
                    return True
        return False


@dataclass(frozen=True)
class Region:
    """A thing that questions ask about; its ground truth is its rectangle on the floor."""

    kind: Kind
    place: Rectangle
    height: float  # metres; 0 for buffers, which are paint
    loaded: bool = False  # transporters only


@dataclass(frozen=True)
class FloorStyle:
    """How the concrete looks: tone, joints, stains; and yellow lanes painted on it."""

    tone: tuple[float, float, float]
    joint_spacing: float  # metres
    joint_yaw: float  # radians
    offset: tuple[float, float]  # metres, into the stain texture
    stains: float  # 0..1
    paint: tuple[float, float, float]
    line_width: float  # metres
    lanes: tuple[Rectangle, ...]  # solid stripes


@dataclass(frozen=True)
class Scene:
    """Everything that a picture and its questions are made from."""

    regions: tuple[Region, ...]
    boxes: BoxArrays  # `owner` is an index into `regions`
    camera: Camera
    floor: FloorStyle
    lamps: Array  # [n, 3], middles of the ceiling lights
    light: tuple[float, float, float]  # colour of the lamps
    exposure: float

    def of_kind(self, kind: Kind) -> list[int]:
        """Indices of the regions of a kind."""
        return [index for index, region in enumerate(self.regions) if region.kind is kind]
