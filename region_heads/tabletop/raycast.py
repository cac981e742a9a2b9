"""Finds what rays meet, in closed form: spheres, cylinders, cones and cubes, the table and the floor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.tabletop.scene import TABLE, Scene, Solid

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FLOOR, TABLE_TOP, TABLE_SIDE = -3, -1, -2
"""Owners of points that belong to no solid; those of mats are found from the points of the table's top."""

_NEAR = np.float32(1e-4)  # of a ray's length: nearer is the surface that it starts from
_ROUNDED = np.float32(2e-3)  # metres, for what is lost where large squares are subtracted
_THICK = 0.035  # of the table's board (metres)


@dataclass(frozen=True)
class Hits:
    """Where rays end: ``n`` points on surfaces."""

    distance: Floats  # [n], in lengths of the ray's direction
    point: Floats  # [n, 3]
    normal: Floats  # [n, 3], outward, of length 1
    owner: Ints  # [n], number of the solid or one of the owners above
    face: Ints  # [n], 0..5: face of the solid (0 is the round one), or of the table's board
    met: tuple[int, ...]  # for each solid the rays that would meet it if nothing hid it

    @property
    def key(self) -> Ints:
        """One number for each face of each solid ``[n]``."""
        key: Ints = self.owner * 6 + self.face
        return key


class Caster:
    """The scene's surfaces, ready for rays."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.middles = np.array([[s.x, s.y, s.height / 2] for s in scene.solids], np.float32).reshape(-1, 3)
        self.radii = np.array([np.hypot(s.reach, s.height / 2) for s in scene.solids], np.float32)

    def first_hits(self, origins: Floats, directions: Floats) -> Hits:
        """What rays from ``origins`` ``[3]`` or ``[n, 3]`` along ``directions`` ``[n, 3]`` meet first."""
        n = len(directions)
        origins = np.broadcast_to(np.asarray(origins, np.float32), (n, 3))
        best, face = _board(origins, directions)
        owner = np.where(face == _TOP, TABLE_TOP, TABLE_SIDE)
        ground = (np.float32(-TABLE[2]) - origins[:, 2]) / np.where(directions[:, 2] < 0, directions[:, 2], np.nan)
        below = np.where(np.isnan(ground), np.float32(1e4), ground).astype(np.float32)
        farther = below < best
        best, face, owner = (
            np.where(farther, below, best),
            np.where(farther, _TOP, face),
            np.where(farther, FLOOR, owner),
        )
        met = []
        for number, chosen in enumerate(self._around(origins, directions)):
            reached, own_face = _solid_hits(self._scene.solids[number], origins[chosen], directions[chosen])
            met.append(int(np.isfinite(reached).sum()))
            nearer = reached < best[chosen]
            there = chosen[nearer]
            best[there], face[there], owner[there] = reached[nearer], own_face[nearer], number
        point = origins + best[:, None] * directions
        return Hits(best, point, self._normals(point, owner, face), owner, face, tuple(met))

    def blocked(self, origins: Floats, directions: Floats) -> Bools:
        """Whether something lies between each origin and the end of its direction ``[n]``."""
        distance, _ = _board(origins, directions)
        found = distance < 1
        for number, near in enumerate(self._around(origins, directions)):
            chosen = near[~found[near]]
            found[chosen] = _solid_hits(self._scene.solids[number], origins[chosen], directions[chosen])[0] < 1
        return found

    def _around(self, origins: Floats, directions: Floats) -> list[Ints]:
        """For each solid the rays that pass through the sphere around it."""
        length = np.einsum("ij,ij->i", directions, directions)
        ahead = np.einsum("ij,ij->i", origins, directions)
        away = np.einsum("ij,ij->i", origins, origins)
        along = self.middles @ directions.T - ahead
        squared = away - 2 * self.middles @ origins.T + np.einsum("ij,ij->i", self.middles, self.middles)[:, None]
        near = squared - along * along / length <= (self.radii[:, None] + _ROUNDED) ** 2
        return [np.flatnonzero(one) for one in near]

    def _normals(self, point: Floats, owner: Ints, face: Ints) -> Floats:
        normal = _BOARD_NORMALS[face]
        for number, solid in enumerate(self._scene.solids):
            chosen = np.flatnonzero(owner == number)
            if len(chosen) == 0:
                continue
            local = _turned(point[chosen] - np.array([solid.x, solid.y, 0], np.float32), -solid.yaw)
            normal[chosen] = _turned(_local_normals(solid, local, face[chosen]), solid.yaw)
        return normal


_TOP = 5
_BOARD_NORMALS = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], np.float32)


def _turned(vectors: Floats, yaw: float) -> Floats:
    c, s = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    return np.stack([c * x - s * y, s * x + c * y, z], axis=1)


def _box(origins: Floats, directions: Floats, low: Floats, high: Floats) -> tuple[Floats, Ints]:
    """Entry into an upright box, inf where there is none, and the face 0..5: -x, +x, -y, +y, -z, +z."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = (low - origins) / directions, (high - origins) / directions
    enter, leave = np.fmin(first, second), np.fmax(first, second)
    axis = enter.argmax(axis=1)
    entry = enter[np.arange(len(axis)), axis]
    met = (entry <= leave.min(axis=1)) & (entry > _NEAR)
    face = 2 * axis + (directions[np.arange(len(axis)), axis] < 0)
    return np.where(met, entry, np.float32(np.inf)), face


def _board(origins: Floats, directions: Floats) -> tuple[Floats, Ints]:
    half = np.array([TABLE[0] / 2, TABLE[1] / 2, 0.0], np.float32)
    return _box(origins, directions, np.array([-half[0], -half[1], -_THICK], np.float32), half)


def _solid_hits(solid: Solid, origins: Floats, directions: Floats) -> tuple[Floats, Ints]:
    """Nearest hit of a solid, inf where there is none, and its face."""
    o = _turned(origins - np.array([solid.x, solid.y, 0], np.float32), -solid.yaw)
    d = _turned(directions, -solid.yaw)
    r, h = np.float32(solid.radius), np.float32(solid.height)
    if solid.shape == "cube":
        return _box(o, d, np.array([-r, -r, 0], np.float32), np.array([r, r, h], np.float32))
    if solid.shape == "sphere":
        reached = _roots(o - np.array([0, 0, r], np.float32), d, np.ones(3, np.float32), r * r, None)
        return reached, np.zeros(len(d), np.int64)
    if solid.shape == "cone":  # measured from its tip, where x^2 + y^2 - (r/h)^2 z^2 = 0
        tip = o - np.array([0, 0, h], np.float32)
        form = np.array([1, 1, -((r / h) ** 2)], np.float32)
        return _roots(tip, d, form, np.float32(0), (-h, np.float32(0))), np.zeros(len(d), np.int64)
    side = _roots(o, d, np.array([1, 1, 0], np.float32), r * r, (np.float32(0), h))
    with np.errstate(divide="ignore", invalid="ignore"):
        top = (h - o[:, 2]) / d[:, 2]
    across = o[:, :2] + top[:, None] * d[:, :2]
    on_top = (np.einsum("ij,ij->i", across, across) <= r * r) & (top > _NEAR) & (top < side)
    return np.where(on_top, top, side), np.where(on_top, _TOP, 0)


def _roots(
    o: Floats, d: Floats, form: Floats, level: np.float32, heights: tuple[np.float32, np.float32] | None
) -> Floats:
    """Smallest t > 0 with ``sum(form * (o + t d)^2) = level`` and z within ``heights``; inf where there is none."""
    a, b, c = (np.einsum("ij,ij,j->i", *pair, form) for pair in ((d, d), (o, d), (o, o)))
    c -= level
    square = b * b - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(square)
        pair = np.stack([(-b - root) / a, (-b + root) / a])
    valid = pair > _NEAR
    if heights is not None:
        z = o[:, 2] + pair * d[:, 2]
        valid &= (z >= heights[0]) & (z <= heights[1])
    reached: Floats = np.where(valid, pair, np.float32(np.inf)).min(axis=0)
    return reached


def _local_normals(solid: Solid, local: Floats, face: Ints) -> Floats:
    if solid.shape == "cube":
        return _BOARD_NORMALS[face]
    normal = local.copy()
    if solid.shape == "sphere":
        normal[:, 2] -= np.float32(solid.radius)
    elif solid.shape == "cylinder":
        normal[:, 2] = 0
        normal[face == _TOP] = (0, 0, 1)
    else:
        normal[:, 2] = np.hypot(local[:, 0], local[:, 1]) * np.float32(solid.radius / solid.height)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), np.float32(1e-9))
    return normal
