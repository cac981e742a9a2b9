"""Draws a warehouse at random: where buffers, pallets, transporters and shelves stand on the floor."""

import numpy as np

from region_heads.warehouse.scene import Kind, Rectangle, Region

Rng = np.random.Generator

_PALLET = (1.2, 1.0)
_TRANSPORTER = (1.75, 0.92)


def draw_regions(rng: Rng) -> list[Region]:
    """Regions of a random layout around the origin; pallets are clearly inside or clearly outside buffers."""
    buffers = _buffers(rng)
    shelves = _shelves(rng, buffers)
    standing = list(shelves)
    pallets: list[Rectangle] = []
    wanted = int(rng.integers(3, 11))
    for buffer in rng.permutation(len(buffers)):
        inside = int(rng.choice(6, p=[0.10, 0.24, 0.27, 0.23, 0.13, 0.03]))
        pallets += _fill(rng, buffers[buffer], min(inside, max(0, wanted - len(pallets))))
    standing += pallets
    outside = max(int(rng.integers(0, 4)), 4 - len(pallets), wanted - len(pallets))
    reach = 1.0 + max(float(np.abs(b.corners()).max()) for b in buffers)
    for _ in range(min(outside, 10 - len(pallets))):
        if place := _free_place(rng, _PALLET, buffers, standing, reach, gap=0.45):
            pallets.append(place)
            standing.append(place)
    regions = [Region(Kind.BUFFER, place, 0.0) for place in buffers]
    regions += [Region(Kind.SHELF, place, float(rng.uniform(2.3, 3.4))) for place in shelves]
    regions += [Region(Kind.PALLET, place, 1.2) for place in pallets]
    n_transporters = int(rng.choice([1, 2, 3], p=[0.3, 0.4, 0.3]))
    loads = _loads(rng, n_transporters)
    for loaded in loads:
        if place := _free_place(rng, _TRANSPORTER, buffers, standing, reach, gap=0.3):
            standing.append(place)
            regions.append(Region(Kind.TRANSPORTER, place, 1.2, loaded))
    return regions


def _loads(rng: Rng, n: int) -> list[bool]:
    if n == 1:
        return [bool(rng.random() < 0.4)]
    loads = [True] * n
    loads[int(rng.integers(n))] = False  # one empty one, so that "the empty transporter" means something
    return loads


def _buffers(rng: Rng) -> list[Rectangle]:
    n = int(rng.choice([2, 3, 4], p=[0.2, 0.65, 0.15]))
    length = rng.uniform(3.8, 6.2) if n < 4 else rng.uniform(3.6, 5.0)
    width = rng.uniform(1.7, 2.4) if n < 4 else rng.uniform(1.6, 2.0)
    gap = rng.uniform(1.0, 2.6) if n < 4 else rng.uniform(0.8, 1.5)
    yaw = rng.normal(0, 0.03)
    skew = rng.normal(0, 0.25) if rng.random() < 0.3 else 0.0
    group = Rectangle(0.0, 0.0, 1.0, 1.0, yaw)
    found = []
    for index in range(n):
        along = (index - (n - 1) / 2) * (width + gap) + rng.normal(0, 0.08)
        across = rng.normal(0, 0.5) + skew * along
        x, y = group.at(along, across)
        own_length = length * rng.uniform(0.85, 1.1)
        found.append(
            Rectangle(x, y, own_length, width * rng.uniform(0.95, 1.05), yaw + np.pi / 2 + rng.normal(0, 0.01))
        )
    return found


def _fill(rng: Rng, buffer: Rectangle, wanted: int) -> list[Rectangle]:
    """Up to ``wanted`` pallets along a buffer, one behind the other."""
    slots = int(buffer.length // 1.28)
    wanted = min(wanted, slots)
    if wanted == 0:
        return []
    chosen = np.sort(rng.permutation(slots)[:wanted])
    pitch = buffer.length / slots
    turned = rng.random() < 0.5
    found = []
    for slot in chosen:
        slack = max(0.0, (pitch - (_PALLET[1] if turned else _PALLET[0])) / 2 - 0.04)
        along = (slot + 0.5) * pitch - buffer.length / 2 + rng.uniform(-slack, slack)
        limit = max(0.0, buffer.width / 2 - 0.60)
        across = rng.uniform(-limit, limit)
        x, y = buffer.at(along, across)
        yaw = buffer.yaw + (np.pi / 2 if turned else 0.0) + rng.normal(0, 0.03)
        found.append(Rectangle(x, y, *_PALLET, yaw))
    return found


def _free_place(
    rng: Rng, size: tuple[float, float], buffers: list[Rectangle], standing: list[Rectangle], reach: float, gap: float
) -> Rectangle | None:
    """A place outside all buffers, ``gap`` metres from everything; None when the floor is full."""
    for _ in range(60):
        x, y = rng.uniform(-reach, reach, 2)
        yaw = rng.choice([0.0, np.pi / 2, np.pi, -np.pi / 2]) + rng.normal(0, 0.12)
        if rng.random() < 0.2:
            yaw = rng.uniform(-np.pi, np.pi)
        place = Rectangle(float(x), float(y), *size, float(yaw))
        if all(place.apart(other, gap) for other in standing) and all(place.apart(b, 0.22) for b in buffers):
            return place
    return None


def _shelves(rng: Rng, buffers: list[Rectangle]) -> list[Rectangle]:
    """One or two shelves around the buffers, their fronts towards them."""
    points = np.concatenate([b.corners() for b in buffers])
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    n = 1 if rng.random() < 0.45 else 2
    sides = list(rng.permutation(["left", "right", "far", "near"])[:n])
    if n == 2 and rng.random() < 0.4:
        sides = [sides[0], sides[0]]  # two beside each other
    found: list[Rectangle] = []
    gap = rng.uniform(1.6, 3.0)
    for index, side in enumerate(sides):
        length, depth = rng.uniform(2.7, 4.4), rng.uniform(0.95, 1.15)
        shift = rng.normal(0, 0.8)
        if len(set(sides)) < n:
            shift = (2 * index - 1) * (length / 2 + rng.uniform(0.4, 1.0))
        # A shelf's front is its own -y side.
        x, y, yaw = {
            "left": (x0 - gap, (y0 + y1) / 2 + shift, np.pi / 2),
            "right": (x1 + gap, (y0 + y1) / 2 + shift, -np.pi / 2),
            "far": ((x0 + x1) / 2 + shift, y1 + gap, 0.0),
            "near": ((x0 + x1) / 2 + shift, y0 - gap, np.pi),
        }[side]
        place = Rectangle(float(x), float(y), float(length), float(depth), float(yaw))
        if all(place.apart(other, 0.2) for other in found):
            found.append(place)
    return found
