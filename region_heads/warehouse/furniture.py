"""Things that stand in the warehouse: shelves, transporters, tables, trolleys, pillars, lamps."""

import numpy as np

from region_heads.warehouse.boxes import Boxes, Colour, Material
from region_heads.warehouse.goods import crate, pallet, stack

Rng = np.random.Generator

_STEEL: Colour = (0.30, 0.31, 0.33)
_RUBBER: Colour = (0.02, 0.02, 0.022)
_YELLOW: Colour = (0.72, 0.50, 0.02)


def shelf(rng: Rng, length: float, depth: float, height: float) -> Boxes:
    """A pallet rack with goods, long side along x, its front towards -y."""
    boxes = Boxes(rng)
    upright: Colour = (0.015, 0.09, 0.30) if rng.random() < 0.75 else (0.05, 0.16, 0.14)
    beam: Colour = (0.50, 0.055, 0.02) if rng.random() < 0.7 else (0.60, 0.17, 0.015)
    bays = max(1, round(length / 2.7))
    bay = length / bays
    for post in range(bays + 1):
        x = post * bay - length / 2
        for y in (-0.5, 0.5):
            boxes.add((x, y * (depth - 0.08), height / 2), (0.10, 0.08, height), Material.METAL, upright)
        for z in np.arange(0.35, height - 0.2, 0.7):
            boxes.add((x, 0, z), (0.04, depth * 1.02, 0.05), Material.METAL, upright, pitch=0.5)
    levels = max(2, round(height / 1.25))
    clear = height / levels
    for level in range(levels):
        z = 0.18 + level * clear
        for b in range(bays):
            x = (b + 0.5) * bay - length / 2
            for y in (-0.5, 0.5):
                boxes.add((x, y * (depth - 0.06), z), (bay - 0.10, 0.06, 0.13), Material.METAL, beam)
            boxes.add((x, 0, z + 0.05), (bay - 0.10, depth - 0.10, 0.03), Material.WOOD, (0.42, 0.31, 0.19))
            _bay_goods(boxes, rng, (x, z + 0.065), (bay - 0.2, depth - 0.08, clear - 0.25))
    return boxes


def _bay_goods(boxes: Boxes, rng: Rng, at: tuple[float, float], room: tuple[float, float, float]) -> None:
    if rng.random() < 0.08:
        return
    places = 2 if room[0] < 2.2 else 3
    manner = rng.random()
    for place in range(places):
        x = at[0] + ((place + 0.5) / places - 0.5) * room[0]
        wide = room[0] / places - 0.06
        if rng.random() < 0.10:
            continue
        if manner < 0.3:  # closed wooden boxes
            high = room[2] * rng.uniform(0.6, 0.8)
            boxes.add((x, 0, at[1] + high / 2), (wide, room[1], high), Material.WOOD, (0.40, 0.26, 0.14))
            for y in (-0.5, 0.5):
                for z in (0.06, 0.94):
                    boxes.add((x, y * room[1], at[1] + z * high), (wide, 0.04, 0.1), Material.WOOD, (0.46, 0.31, 0.17))
        elif manner < 0.55:
            boxes.place(pallet(rng, "wood", wide, room[1]), (x, 0, at[1]))
            boxes.place(stack(rng, wide, room[1] * 0.95, room[2] - 0.2), (x, 0, at[1] + 0.15))
        else:
            boxes.place(stack(rng, wide, room[1] * 0.95, room[2]), (x, 0, at[1]))


def transporter(rng: Rng, make: str, accent: Colour, *, loaded: bool) -> Boxes:
    """A self-driving transporter of the make "platform" or "fork", nose towards +x; about 1.7 m x 0.9 m."""
    return (_platform if make == "platform" else _fork)(rng, accent, loaded)


def _platform(rng: Rng, accent: Colour, loaded: bool) -> Boxes:
    boxes = Boxes(rng)
    dark: Colour = (0.05, 0.055, 0.06)
    boxes.add((0, 0, 0.19), (1.50, 0.84, 0.22), Material.PAINT, accent)
    for x in (-0.5, 0.5):
        boxes.add((x * 1.58, 0, 0.15), (0.10, 0.70, 0.16), Material.PLASTIC, dark)  # bumpers
        for y in (-0.5, 0.5):
            boxes.add((x * 0.95, y * 0.74, 0.09), (0.22, 0.10, 0.18), Material.PLASTIC, _RUBBER)
    boxes.add((0, 0, 0.31), (1.44, 0.80, 0.03), Material.METAL, dark)
    for x in np.linspace(-0.62, 0.40, 9):  # rollers, bright where no load hides them
        boxes.add((x, 0, 0.335), (0.055, 0.66, 0.03), Material.METAL, (0.55, 0.56, 0.58))
    for y in (-0.5, 0.5):
        boxes.add((-0.1, y * 0.76, 0.35), (1.2, 0.04, 0.07), Material.PAINT, _YELLOW)
    boxes.add((0.64, 0, 0.48), (0.14, 0.46, 0.34), Material.PAINT, accent)  # control box
    boxes.add((0.64, 0, 0.66), (0.10, 0.30, 0.02), Material.LAMP, (0.02, 0.35, 0.25))
    boxes.add((0.66, 0.3, 0.50), (0.05, 0.05, 0.40), Material.METAL, dark)
    boxes.add((0.66, 0.3, 0.73), (0.07, 0.07, 0.07), Material.LAMP, (0.9, 0.25, 0.0) if loaded else (0.05, 0.8, 0.1))
    if loaded:
        boxes.place(stack(rng, 1.08, 0.66, rng.uniform(0.55, 1.0)), (-0.12, 0, 0.35))
    return boxes


def _fork(rng: Rng, accent: Colour, loaded: bool) -> Boxes:
    boxes = Boxes(rng)
    dark: Colour = (0.04, 0.042, 0.046)
    boxes.add((0.58, 0, 0.38), (0.50, 0.78, 0.56), Material.PAINT, accent)  # body with the drive
    boxes.add((0.58, 0, 0.69), (0.42, 0.66, 0.07), Material.PLASTIC, dark)
    boxes.add((0.80, 0, 0.14), (0.10, 0.80, 0.20), Material.HAZARD, _YELLOW)
    boxes.add((0.36, 0, 0.95), (0.08, 0.56, 1.2), Material.METAL, dark)  # mast
    boxes.add((0.36, 0, 1.56), (0.16, 0.24, 0.10), Material.PLASTIC, (0.3, 0.3, 0.32))
    boxes.add((0.36, 0, 1.65), (0.07, 0.07, 0.08), Material.LAMP, (0.9, 0.25, 0.0) if loaded else (0.05, 0.8, 0.1))
    for y in (-0.27, 0.27):
        boxes.add((-0.25, y, 0.12), (1.16, 0.19, 0.08), Material.METAL, (0.42, 0.40, 0.38))
        boxes.add((-0.72, y, 0.06), (0.16, 0.12, 0.12), Material.PLASTIC, _RUBBER)
    for y in (-0.5, 0.5):
        boxes.add((0.58, y * 0.72, 0.10), (0.24, 0.10, 0.20), Material.PLASTIC, _RUBBER)
    if loaded:
        boxes.add((-0.26, 0, 0.18), (1.10, 0.80, 0.04), Material.WOOD, (0.45, 0.33, 0.2))
        boxes.place(stack(rng, 1.06, 0.76, rng.uniform(0.6, 1.1)), (-0.26, 0, 0.20))
    return boxes


def table(rng: Rng, length: float) -> Boxes:
    """A packing table with cartons and crates on it."""
    boxes = Boxes(rng)
    for x in (-0.5, 0.5):
        for y in (-0.5, 0.5):
            boxes.add((x * (length - 0.1), y * 0.6, 0.42), (0.05, 0.05, 0.84), Material.METAL, _STEEL)
    boxes.add((0, 0, 0.86), (length, 0.75, 0.04), Material.METAL, (0.36, 0.37, 0.38))
    boxes.add((0, 0, 0.25), (length - 0.1, 0.6, 0.03), Material.METAL, _STEEL)
    x = -length / 2 + 0.3
    while x < length / 2 - 0.25:
        kind = rng.random()
        if kind < 0.35:
            size = (rng.uniform(0.3, 0.5), rng.uniform(0.3, 0.4), rng.uniform(0.12, 0.25))
            colour: Colour = _YELLOW if rng.random() < 0.6 else (0.03, 0.12, 0.42)
            boxes.place(crate(rng, size, colour), (x, rng.uniform(-0.1, 0.1), 0.88), rng.normal(0, 0.2))
        elif kind < 0.8:
            boxes.place(stack(rng, 0.4, 0.4, 0.4), (x, rng.uniform(-0.1, 0.1), 0.88), rng.normal(0, 0.3))
        x += rng.uniform(0.45, 0.7)
    return boxes


def trolley(rng: Rng) -> Boxes:
    """A blue cage trolley with three decks of small parts."""
    boxes = Boxes(rng)
    blue: Colour = (0.015, 0.11, 0.36)
    for x in (-0.45, 0.45):
        for y in (-0.3, 0.3):
            boxes.add((x, y, 0.75), (0.05, 0.05, 1.3), Material.PAINT, blue)
            boxes.add((x, y, 0.05), (0.10, 0.05, 0.10), Material.PLASTIC, _RUBBER)
    for z in (0.16, 0.62, 1.05):
        boxes.add((0, 0, z), (0.95, 0.62, 0.04), Material.PAINT, blue)
        for x in (-0.24, 0.22):
            if rng.random() < 0.75:
                colour = (0.03, 0.035, 0.04) if rng.random() < 0.6 else (0.06, 0.22, 0.12)
                boxes.place(crate(rng, (0.38, 0.5, 0.2), colour), (x, 0, z + 0.02))
    return boxes


def pillar(rng: Rng, height: float) -> Boxes:
    """A steel column with a striped guard at its foot."""
    boxes = Boxes(rng)
    boxes.add((0, 0, height / 2), (0.28, 0.28, height), Material.PAINT, (0.62, 0.63, 0.64))
    boxes.add((0, 0, 0.6), (0.40, 0.40, 1.2), Material.HAZARD, _YELLOW)
    return boxes


def lamp(rng: Rng, length: float) -> Boxes:
    """A hanging strip lamp, long side along x, its lower face at z = 0."""
    boxes = Boxes(rng)
    boxes.add((0, 0, 0.05), (length, 0.12, 0.10), Material.PAINT, (0.75, 0.76, 0.78))
    boxes.add((0, 0, 0.11), (length, 0.20, 0.02), Material.PAINT, (0.70, 0.71, 0.73))
    for x in (-0.4, 0.4):
        boxes.add((x * length, 0, 0.6), (0.015, 0.015, 1.0), Material.METAL, _STEEL)
    return boxes
