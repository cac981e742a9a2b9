"""Oriented boxes: the only shape of the rendered warehouse, collected and turned into one triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Colour = tuple[float, float, float]


class Material(IntEnum):
    """What a box is made of; chooses its pattern in ``materials.py``."""

    PAINT = 0
    FLOOR = 1
    CARTON = 2
    WOOD = 3
    PLASTIC = 4
    METAL = 5
    WALL = 6
    HAZARD = 7
    LAMP = 8


NOBODY = -1
"""Owner of boxes that belong to no region: floor, walls, clutter."""

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
# Two triangles for each face, in the order -x, +x, -y, +y, -z, +z, so that face = (triangle % 12) // 2.
_TRIANGLES = np.array([
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
])  # fmt: skip


@dataclass(frozen=True)
class BoxArrays:
    """``n`` boxes as arrays; lengths in metres, colours linear RGB in 0..1."""

    centre: Array  # [n, 3]
    size: Array  # [n, 3]
    rotation: Array  # [n, 3, 3], columns are the box's axes in the world
    material: NDArray[np.int64]  # [n]
    colour: Array  # [n, 3]
    owner: NDArray[np.int64]  # [n], index of the region or NOBODY
    variant: Array  # [n], 0..1, varies the pattern

    def triangles(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Vertices ``[8n, 3]`` and triangles ``[12n, 3]``; triangle ``t`` belongs to box ``t // 12``."""
        local = _CORNERS[None] * self.size[:, None]
        vertices = np.einsum("nij,nkj->nki", self.rotation, local) + self.centre[:, None]
        first = 8 * np.arange(len(self.centre))[:, None, None]
        return vertices.reshape(-1, 3).astype(np.float32), (first + _TRIANGLES).reshape(-1, 3).astype(np.int32)


def turn(yaw: float, pitch: float = 0.0) -> Array:
    """Rotation about the vertical by ``yaw`` after one about the x axis by ``pitch`` (radians)."""
    c, s, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    about_z = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    turned: Array = about_z @ about_x
    return turned


@dataclass
class Boxes:
    """A growing collection of boxes, in the coordinates of the thing that they make up."""

    rng: np.random.Generator
    _rows: list[tuple[Array, Array, Array, int, Array, int, float]] = field(default_factory=list)

    def add(
        self,
        centre: ArrayLike,
        size: ArrayLike,
        material: Material,
        colour: Colour,
        *,
        yaw: float = 0.0,
        pitch: float = 0.0,
        owner: int = NOBODY,
    ) -> None:
        """Adds a box with the given centre and size (metres)."""
        self._rows.append((
            np.asarray(centre, dtype=float), np.asarray(size, dtype=float), turn(yaw, pitch), int(material),
            np.asarray(colour, dtype=float), owner, float(self.rng.random()),
        ))  # fmt: skip

    def place(self, thing: Boxes, position: ArrayLike, yaw: float = 0.0, *, owner: int = NOBODY) -> None:
        """Adds all boxes of ``thing``, turned by ``yaw`` and moved to ``position``."""
        rotation, offset = turn(yaw), np.asarray(position, dtype=float)
        for centre, size, own, material, colour, _, variant in thing._rows:
            self._rows.append((rotation @ centre + offset, size, rotation @ own, material, colour, owner, variant))

    def arrays(self) -> BoxArrays:
        """All boxes as arrays."""
        centre, size, rotation, material, colour, owner, variant = zip(*self._rows, strict=True)
        return BoxArrays(
            centre=np.array(centre), size=np.array(size), rotation=np.array(rotation), material=np.array(material),
            colour=np.array(colour), owner=np.array(owner), variant=np.array(variant),
        )  # fmt: skip
