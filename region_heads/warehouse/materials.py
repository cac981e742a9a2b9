"""Surface patterns: the colour of a point on a box of each material, computed for many points at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.textures import fine_grain, sample, soft_noise
from region_heads.warehouse.boxes import BoxArrays, Material
from region_heads.warehouse.scene import FloorStyle, Rectangle

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Surface:
    """Points on boxes of one material."""

    world: Floats  # [n, 3]
    local: Floats  # [n, 3], in the box's own axes from its middle
    size: Floats  # [n, 3]
    face: Ints  # [n], 0..5: -x, +x, -y, +y, -z, +z
    variant: Floats  # [n]
    colour: Floats  # [n, 3]

    def on_face(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Face coordinates (a, b) from the middle of the face and the face's lengths along them (metres).

        On the sides b points up and a runs along the side; on top a is x and b is y.
        """
        axis = self.face // 2
        pick = np.arange(len(axis))
        first, second = np.where(axis == 0, 1, 0), np.where(axis == 2, 1, 2)
        return self.local[pick, first], self.local[pick, second], self.size[pick, first], self.size[pick, second]


def albedo(
    world: Floats, box: Ints, face: Ints, boxes: BoxArrays, floor: FloorStyle, frames: list[Rectangle]
) -> Floats:
    """Colours (linear RGB) of points on boxes.

    Args:
        world: points ``[n, 3]``.
        box: box that each point lies on ``[n]``.
        face: face of that box ``[n]``.
        boxes: all boxes of the scene.
        floor: style of the floor.
        frames: buffer rectangles painted on it.

    Returns:
        float32 ``[n, 3]``.
    """
    result = np.empty_like(world)
    material = boxes.material[box]
    for kind in np.unique(material):
        chosen = np.flatnonzero(material == kind)
        if kind == Material.FLOOR:
            result[chosen] = floor_colour(world[chosen], floor, frames)
            continue
        own = box[chosen]
        offset = world[chosen] - boxes.centre[own].astype(np.float32)
        local = np.einsum("nij,ni->nj", boxes.rotation[own].astype(np.float32), offset)
        result[chosen] = _PATTERNS[Material(kind)](Surface(
            world[chosen], local, boxes.size[own].astype(np.float32), face[chosen],
            boxes.variant[own].astype(np.float32), boxes.colour[own].astype(np.float32),
        ))  # fmt: skip
    return result


def painted(world: Floats, floor: FloorStyle, frames: list[Rectangle]) -> NDArray[np.bool_]:
    """Which floor points ``[n, 3]`` carry yellow paint."""
    xy = world[:, :2]
    paint = np.zeros(len(xy), dtype=bool)
    for frame in frames:
        edge = np.abs(frame.local(xy)) - np.array([frame.length, frame.width]) / 2
        beyond = edge.max(axis=1)
        paint |= (beyond <= 0) & (beyond > -floor.line_width)
    for lane in floor.lanes:
        paint |= (np.abs(lane.local(xy)) <= np.array([lane.length, lane.width]) / 2).all(axis=1)
    return paint


def floor_colour(world: Floats, floor: FloorStyle, frames: list[Rectangle]) -> Floats:
    """Concrete with stains, joints and paint at floor points ``[n, 3]``."""
    x, y = world[:, 0] + floor.offset[0], world[:, 1] + floor.offset[1]
    blotch = sample(soft_noise(), x * 34, y * 34)
    clouds = sample(soft_noise(), y * 9 + 311, x * 9)
    grain = sample(fine_grain(), x * 75, y * 75)
    shade = 1 + floor.stains * (0.13 * blotch + 0.16 * clouds) + 0.045 * grain
    shade -= floor.stains * 0.5 * np.clip(sample(soft_noise(), x * 60, y * 60 + 500) - 1.9, 0, 0.6)  # dark spots
    c, s = np.float32(np.cos(floor.joint_yaw)), np.float32(np.sin(floor.joint_yaw))
    for along in (x * c + y * s, y * c - x * s):
        cell = along / np.float32(floor.joint_spacing)
        gap = np.abs(cell - np.round(cell)) * np.float32(floor.joint_spacing)
        shade *= 1 - 0.55 * np.clip(1.5 - gap / 0.012, 0, 1)
        shade *= 1 - 0.12 * np.exp(-gap / 0.12)  # dirt along the joints
    colour: Floats = np.clip(shade, 0.25, 2.2)[:, None] * np.array(floor.tone, np.float32)
    paint = painted(world, floor, frames)
    worn = np.clip(0.92 + 0.06 * blotch[paint] + 0.04 * grain[paint], 0.45, 1.1)
    scratched = np.clip((blotch[paint] + 0.6 * grain[paint] - 2.1) * 1.5, 0, 0.75)[:, None]
    fresh = worn[:, None] * np.array(floor.paint, np.float32)
    colour[paint] = fresh * (1 - scratched) + colour[paint] * scratched
    return colour


def _edges(s: Surface, width: float, depth: float) -> Floats:
    """Darkening towards the edges of a face: 1 in the middle, ``1 - depth`` at the edge."""
    a, b, wide, high = s.on_face()
    inside = np.minimum(wide / 2 - np.abs(a), high / 2 - np.abs(b))
    return (1 - depth * np.exp(-np.clip(inside, 0, None) / width)).astype(np.float32)


def _carton(s: Surface) -> Floats:
    a, b, _, high = s.on_face()
    grain = sample(fine_grain(), a * 160 + s.variant * 997, b * 160)
    soft = sample(soft_noise(), a * 120 + s.variant * 331, b * 120 + s.variant * 701)
    colour = s.colour * (1 + 0.03 * grain + 0.06 * soft)[:, None] * _edges(s, 0.012, 0.35)[:, None]
    top = s.face == 5
    along_x = s.size[:, 0] >= s.size[:, 1]  # the tape closes the longer seam
    across = np.where(top, np.where(along_x, b, a), a)
    ends = ~top & ((s.face // 2 == 0) == along_x) & (high / 2 - b < 0.09)
    big = np.minimum(s.size[:, 0], s.size[:, 1]) > 0.16
    tape = (np.abs(across) < 0.027) & big & (top | ends)
    colour[tape] = colour[tape] * 0.55 + np.array([0.30, 0.21, 0.11], np.float32) * 0.55
    seam = top & (np.abs(across) < 0.004)
    colour[seam] *= 0.5
    flap = ~top & (high / 2 - b < 0.006)
    colour[flap] *= 0.7
    _print_on(s, colour)
    return colour


def _print_on(s: Surface, colour: Floats) -> None:
    """A label with a bar code on some faces of a carton, prints on others."""
    a, b, wide, high = s.on_face()
    code = (s.variant * 7.31 + s.face * 0.377) % 1.0
    x0, y0 = (code * 13.7 % 1.0 - 0.5) * 0.5 * wide, (code * 29.3 % 1.0 - 0.5) * 0.4 * high
    u, v = a - x0, b - y0
    label = (code < 0.42) & (np.abs(u) < 0.065) & (np.abs(v) < 0.045) & (wide > 0.22) & (high > 0.16)
    bars = label & (v < -0.005) & (np.floor((u + 0.2) / 0.011) % 2 == 0) & (np.abs(u) < 0.052)
    colour[label] = np.array([0.66, 0.66, 0.64], np.float32)
    colour[bars] = 0.08
    marked = (code > 0.62) & (wide > 0.3) & (high > 0.25)
    line = np.floor((v + 0.06) / 0.045)
    word = (np.abs(u) < 0.06 + 0.05 * code) & (line >= 0) & (line < 2) & ((v + 0.06) % 0.045 < 0.024)
    ink = marked & word & (np.floor((u + 0.5) / 0.013) % 3 != 0)
    colour[ink] *= 0.35


def _wood(s: Surface) -> Floats:
    a, b, wide, high = s.on_face()
    long, cross = np.where(wide >= high, a, b), np.where(wide >= high, b, a)
    streaks = sample(soft_noise(), long * 26 + s.variant * 997, cross * 420 + s.variant * 613)
    grain = sample(fine_grain(), long * 40 + s.variant * 271, cross * 300)
    shade = (1 + 0.16 * streaks + 0.06 * grain) * _edges(s, 0.006, 0.3)
    return s.colour * np.clip(shade, 0.4, 1.6)[:, None]


def _plastic(s: Surface) -> Floats:
    return s.colour * _edges(s, 0.01, 0.25)[:, None]


def _metal(s: Surface) -> Floats:
    a, b, _, _ = s.on_face()
    brushed = sample(fine_grain(), a * 300 + s.variant * 997, b * 60)
    return s.colour * (1 + 0.05 * brushed)[:, None] * _edges(s, 0.008, 0.3)[:, None]


def _paint(s: Surface) -> Floats:
    a, b, _, _ = s.on_face()
    wear = sample(soft_noise(), a * 70 + s.variant * 997, b * 70 + 77)
    return s.colour * (1 + 0.05 * wear)[:, None] * _edges(s, 0.014, 0.22)[:, None]


def _wall(s: Surface) -> Floats:
    along = np.where(s.face // 2 == 0, s.world[:, 1], s.world[:, 0])
    ribs = 0.90 + 0.10 * np.clip(np.sin(along * (2 * np.pi / 0.32)) * 2.5, -1, 1)
    panel = np.abs(s.world[:, 2] % 2.4 - 1.2) < 0.012
    dirt = sample(soft_noise(), along * 22, s.world[:, 2] * 22)
    shade = ribs * (1 + 0.03 * dirt) * np.where(panel, 0.7, 1.0)
    return s.colour * shade[:, None].astype(np.float32)


def _hazard(s: Surface) -> Floats:
    a, b, _, _ = s.on_face()
    dark = np.floor((a + b) / 0.13) % 2 == 0
    return np.where(dark[:, None], np.float32(0.025), s.colour)


_PATTERNS: dict[Material, Callable[[Surface], Floats]] = {
    Material.PAINT: _paint, Material.CARTON: _carton, Material.WOOD: _wood, Material.PLASTIC: _plastic,
    Material.METAL: _metal, Material.WALL: _wall, Material.HAZARD: _hazard, Material.LAMP: lambda s: s.colour,
}  # fmt: skip
