"""What is around the regions: walls, tables, trolleys, pillars, lamps and painted lanes; no question is about it."""

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.camera import Camera
from region_heads.warehouse.boxes import Boxes, Material
from region_heads.warehouse.furniture import lamp, pillar, table, trolley
from region_heads.warehouse.scene import FloorStyle, Kind, Rectangle, Region

Rng = np.random.Generator
Array = NDArray[np.float64]

CEILING = 9.0
"""Height of the lamps that light the hall (metres); cameras hang below."""


def room_bounds(rng: Rng, regions: list[Region], camera: Camera) -> tuple[Array, Array]:
    """Lower and upper corner of the hall ``[2]``: close behind shelves, and never in front of the camera."""
    points = np.concatenate([region.place.corners() for region in regions])
    low = points.min(0) - rng.uniform(0.25, 5.0, 2)
    high = points.max(0) + rng.uniform(0.25, 5.0, 2)
    return np.minimum(low, camera.position[:2] - 1.0), np.maximum(high, camera.position[:2] + 1.0)


def draw_surroundings(rng: Rng, boxes: Boxes, regions: list[Region], camera: Camera) -> Array:
    """Adds the hall and its clutter to ``boxes``.

    Returns:
        Middles of the ceiling lights ``[n, 3]``.
    """
    low, high = room_bounds(rng, regions, camera)
    middle, span = (low + high) / 2, high - low
    boxes.add((*middle, -0.1), (*(span + 8.0), 0.2), Material.FLOOR, (0.2, 0.2, 0.2))
    _walls(rng, boxes, low, high)
    taken = [region.place for region in regions]
    for _ in range(int(rng.integers(2, 6))):
        _against_wall(rng, boxes, low, high, taken)
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.uniform(low + 1, high - 1).tolist()
        place = Rectangle(x, y, 0.5, 0.5, 0.0)
        if _free(place, taken, 0.5) and np.linalg.norm(place.centre - camera.position[:2]) > 2.0:
            boxes.place(pillar(rng, CEILING), (place.x, place.y, 0.0))
            taken.append(place)
    if rng.random() < 0.45:
        _lamps_in_view(rng, boxes, camera)
    spacing = rng.uniform(3.0, 4.5)
    n = np.maximum(2, np.ceil(span / spacing)).astype(int)
    xs, ys = (low[a] + (np.arange(n[a]) + 0.5) * span[a] / n[a] for a in (0, 1))
    grid = np.array([(x, y, CEILING) for x in xs for y in ys])
    return grid + rng.normal(0, 0.15, grid.shape) * (1, 1, 0)


def _walls(rng: Rng, boxes: Boxes, low: Array, high: Array) -> None:
    middle, span = (low + high) / 2, high - low
    tone = rng.uniform(0.55, 0.72)
    wall, stripe = (tone, tone * 1.01, tone * 1.02), (0.015, 0.10, 0.38)
    if rng.random() < 0.25:
        stripe = (0.45, 0.05, 0.02)
    for axis in (0, 1):
        for end, sign in ((low, -1), (high, 1)):
            for z0, z1, material, colour, out in (
                (0.0, 0.9, Material.PAINT, wall, 0.1),
                (0.9, 1.25, Material.PAINT, stripe, 0.1),
                (1.25, 10.0, Material.WALL, wall, 0.1),
            ):
                centre, size = [*middle, (z0 + z1) / 2], [*span, z1 - z0]
                centre[axis], size[axis] = end[axis] + sign * out, 0.2
                size[1 - axis] += 0.4
                boxes.add(centre, size, material, colour)


def _free(place: Rectangle, taken: list[Rectangle], gap: float) -> bool:
    return all(place.apart(other, gap) for other in taken)


def _against_wall(rng: Rng, boxes: Boxes, low: Array, high: Array, taken: list[Rectangle]) -> None:
    length = float(rng.uniform(1.6, 2.4))
    with_table = rng.random() < 0.65
    size = (length, 0.8) if with_table else (1.0, 0.7)
    axis, upper = int(rng.integers(2)), bool(rng.random() < 0.5)
    wall = (high if upper else low)[axis] + (-0.55 if upper else 0.55)
    along = rng.uniform(low[1 - axis] + 1.5, high[1 - axis] - 1.5)
    position = (wall, along) if axis == 0 else (along, wall)
    yaw = np.pi / 2 if axis == 0 else 0.0
    place = Rectangle(float(position[0]), float(position[1]), size[0], size[1], float(yaw))
    if _free(place, taken, 0.3):
        taken.append(place)
        thing = table(rng, length) if with_table else trolley(rng)
        boxes.place(thing, (place.x, place.y, 0.0), yaw)


def _lamps_in_view(rng: Rng, boxes: Boxes, camera: Camera) -> None:
    """Strip lamps that hang into the edge of the picture, as they do in front of real ceiling cameras."""
    for _ in range(int(rng.integers(1, 3))):
        side = rng.choice([-1.0, 1.0])
        x = camera.width * (0.5 + side * rng.uniform(0.36, 0.56))
        y = camera.height * rng.uniform(0.55, 1.05)
        depth = rng.uniform(2.0, 3.2)
        ray = camera.rays(np.float32(x), np.float32(y)).astype(float)  # type: ignore[arg-type]  # numpy scalars broadcast
        point = camera.position + ray * depth
        boxes.place(lamp(rng, rng.uniform(1.2, 2.2)), point, rng.uniform(0, np.pi))


def draw_floor(rng: Rng, regions: list[Region]) -> FloorStyle:
    """A concrete floor with joints, stains, yellow frames and now and then a yellow lane."""
    tone = rng.uniform(0.085, 0.15)
    tint = rng.normal(0, 0.012, 3)
    lanes = []
    if rng.random() < 0.6:
        points = np.concatenate([r.place.corners() for r in regions if r.kind in (Kind.BUFFER, Kind.SHELF)])
        axis, upper = int(rng.integers(2)), rng.random() < 0.5
        edge = points.max(0)[axis] + rng.uniform(0.4, 1.2) if upper else points.min(0)[axis] - rng.uniform(0.4, 1.2)
        x, y = (edge, 0.0) if axis == 0 else (0.0, edge)
        lanes.append(Rectangle(float(x), float(y), 60.0, 0.10, np.pi / 2 if axis == 0 else 0.0))
    return FloorStyle(
        tone=(float(tone * (1 + tint[0])), float(tone * (1 + tint[1])), float(tone * (1.01 + tint[2]))),
        joint_spacing=float(rng.uniform(3.0, 5.5)),
        joint_yaw=float(rng.normal(0, 0.03)),
        offset=(float(rng.uniform(0, 50)), float(rng.uniform(0, 50))),
        stains=float(rng.uniform(0.3, 1.0)),
        paint=(float(rng.uniform(0.60, 0.75)), float(rng.uniform(0.40, 0.50)), 0.012),
        line_width=float(rng.uniform(0.075, 0.11)),
        lanes=tuple(lanes),
    )
