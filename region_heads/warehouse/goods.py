"""Goods: cartons in varied stacks, pallets of three makes, crates."""

import numpy as np

from region_heads.warehouse.boxes import Boxes, Colour, Material

Rng = np.random.Generator

PALLET_COLOURS: dict[str, Colour] = {
    "wood": (0.52, 0.36, 0.20),
    "blue": (0.03, 0.12, 0.42),
    "black": (0.022, 0.022, 0.025),
}
PALLET_HEIGHT = 0.15


def carton_colour(rng: Rng) -> Colour:
    """Brown cardboard, from pale to dark, now and then a bleached white."""
    if rng.random() < 0.03:
        return (0.62, 0.60, 0.56)
    shade = rng.uniform(0.72, 1.15)
    return (0.40 * shade, 0.235 * shade * rng.uniform(0.95, 1.05), 0.115 * shade * rng.uniform(0.85, 1.15))


def pallet(rng: Rng, make: str, length: float, width: float) -> Boxes:
    """An empty pallet, centred on the floor, long side along x."""
    boxes, colour = Boxes(rng), PALLET_COLOURS[make]
    material = Material.WOOD if make == "wood" else Material.PLASTIC
    high, thick = PALLET_HEIGHT, 0.022 if make == "wood" else 0.03
    for y in (-0.5, 0.0, 0.5):
        across = y * (width - 0.11)
        boxes.add((0, across, thick / 2), (length, 0.10, thick), material, colour)
        for x in (-0.5, 0.0, 0.5):
            boxes.add((x * (length - 0.14), across, high / 2), (0.13, 0.10, high - 2 * thick), material, colour)
    slats = 7 if make == "wood" else 9
    pitch = length / slats
    for slat in range(slats):
        tone = rng.uniform(0.85, 1.12) if make == "wood" else 1.0
        x = (slat + 0.5) * pitch - length / 2
        shaded = (colour[0] * tone, colour[1] * tone, colour[2] * tone)
        boxes.add(
            (x, 0, high - thick / 2), (pitch * (0.74 if make == "wood" else 0.86), width, thick), material, shaded
        )
    if make != "wood":  # a closed rim
        for y in (-0.5, 0.5):
            boxes.add((0, y * (width - 0.03), high - 0.03), (length, 0.03, 0.06), material, colour)
    return boxes


def _cells(rng: Rng, low: tuple[float, float], high: tuple[float, float], smallest: float) -> list[tuple[float, ...]]:
    """A rectangle cut by random straight cuts into cells (x0, y0, x1, y1) not smaller than ``smallest``."""
    wide, deep = high[0] - low[0], high[1] - low[1]
    axis = 0 if wide >= deep else 1
    span = (wide, deep)[axis]
    if span < 2 * smallest or (span < 3.2 * smallest and rng.random() < 0.25):
        return [(*low, *high)]
    cut = (low[axis]) + span * rng.uniform(0.36, 0.64)
    if axis == 0:
        first = _cells(rng, low, (cut, high[1]), smallest)
        return first + _cells(rng, (cut, low[1]), high, smallest)
    first = _cells(rng, low, (high[0], cut), smallest)
    return first + _cells(rng, (low[0], cut), high, smallest)


def stack(rng: Rng, length: float, width: float, tallest: float) -> Boxes:
    """Cartons on a rectangle around the origin, from z = 0 up to about ``tallest``; a random manner of stacking."""
    manner = rng.choice(["regular", "single", "few", "castle", "layers"], p=[0.26, 0.18, 0.18, 0.2, 0.18])
    boxes = Boxes(rng)
    if manner == "single":
        _carton(boxes, rng, (0, 0, 0), (length * 0.94, width * 0.94, tallest * rng.uniform(0.55, 0.85)), 0.03)
    elif manner == "regular":
        _regular(boxes, rng, length, width, tallest)
    elif manner == "layers":
        z = 0.0
        for _ in range(int(rng.integers(2, 5))):
            high = tallest * rng.uniform(0.18, 0.3)
            for cell in _cells(rng, (-length / 2, -width / 2), (length / 2, width / 2), 0.34):
                if z == 0.0 or rng.random() < 0.85:
                    _in_cell(boxes, rng, cell, z, high * rng.uniform(0.9, 1.0))
            z += high
    else:
        smallest = 0.42 if manner == "few" else 0.22
        for cell in _cells(rng, (-length / 2, -width / 2), (length / 2, width / 2), smallest):
            z, top = 0.0, tallest * (rng.uniform(0.45, 0.95) if manner == "few" else rng.uniform(0.2, 0.75))
            while z < top:
                high = (rng.uniform(0.3, 0.6) if manner == "few" else rng.uniform(0.14, 0.3)) * min(1.0, tallest)
                _in_cell(boxes, rng, cell, z, high, shrink=rng.uniform(0.0, 0.12))
                z += high
    return boxes


def _regular(boxes: Boxes, rng: Rng, length: float, width: float, tallest: float) -> None:
    columns, rows = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    high = rng.uniform(0.18, 0.34) * min(1.0, tallest)
    layers = max(1, round(tallest * rng.uniform(0.55, 1.0) / high))
    colour = carton_colour(rng)
    missing = rng.random() * 0.5
    for layer in range(layers):
        nx, ny = (columns, rows) if layer % 2 == 0 or rng.random() < 0.5 else (rows, columns)
        for x in range(nx):
            for y in range(ny):
                if layer == layers - 1 and rng.random() < missing:
                    continue
                place = ((x + 0.5) / nx * length - length / 2, (y + 0.5) / ny * width - width / 2, layer * high)
                size = (length / nx - 0.008, width / ny - 0.008, high)
                _carton(boxes, rng, place, size, 0.015, colour)


def _in_cell(boxes: Boxes, rng: Rng, cell: tuple[float, ...], z: float, high: float, shrink: float = 0.02) -> None:
    x0, y0, x1, y1 = cell
    size = ((x1 - x0) * (1 - shrink) - 0.01, (y1 - y0) * (1 - shrink) - 0.01, high)
    _carton(boxes, rng, ((x0 + x1) / 2, (y0 + y1) / 2, z), size, 0.02 + 0.5 * shrink)


def _carton(
    boxes: Boxes,
    rng: Rng,
    base: tuple[float, ...],
    size: tuple[float, ...],
    turned: float,
    colour: Colour | None = None,
) -> None:
    """One carton standing on ``base``, turned by a small random angle of that order (radians)."""
    tone = rng.uniform(0.94, 1.06)
    r, g, b = colour or carton_colour(rng)
    centre = (base[0], base[1], base[2] + size[2] / 2)
    shaded = (r * tone, g * tone, b * tone)
    boxes.add(centre, size, Material.CARTON, shaded, yaw=float(np.clip(rng.normal(0, turned), -0.12, 0.12)))


def loaded_pallet(rng: Rng, make: str, length: float, width: float) -> Boxes:
    """A pallet with its load; about one in sixteen is empty."""
    boxes = pallet(rng, make, length, width)
    if rng.random() > 0.06:
        load = stack(rng, length * rng.uniform(0.82, 0.98), width * rng.uniform(0.82, 0.98), rng.uniform(0.5, 1.25))
        boxes.place(load, (rng.normal(0, 0.02), rng.normal(0, 0.02), PALLET_HEIGHT))
    return boxes


def crate(rng: Rng, size: tuple[float, float, float], colour: Colour) -> Boxes:
    """An open plastic crate with some content, standing on the origin."""
    boxes = Boxes(rng)
    x, y, z = size
    boxes.add((0, 0, 0.02), (x, y, 0.03), Material.PLASTIC, colour)
    for side in (-0.5, 0.5):
        boxes.add((side * x, 0, z / 2), (0.025, y, z), Material.PLASTIC, colour)
        boxes.add((0, side * y, z / 2), (x, 0.025, z), Material.PLASTIC, colour)
    for _ in range(int(rng.integers(0, 3))):
        place = (rng.uniform(-0.2, 0.2) * x, rng.uniform(-0.2, 0.2) * y, z * 0.4)
        boxes.add(
            place, (0.3 * x, 0.35 * y, z * 0.7), Material.PAINT, tuple(rng.uniform(0.1, 0.8, 3)), yaw=rng.uniform(0, 3)
        )
    return boxes
