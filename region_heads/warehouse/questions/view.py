"""What questions are asked about: the regions of a scene that are seen well enough, and relations among them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.records import mean_columns, run_lengths
from region_heads.warehouse.scene import Kind, Rectangle, Scene

Rng = np.random.Generator

MIN_AREA = 150 / (640 * 360)
"""Smallest visible share of the picture of a region that is asked about."""
MIN_SHOWN = {Kind.BUFFER: 0.72, Kind.SHELF: 0.7, Kind.PALLET: 0.7, Kind.TRANSPORTER: 0.75}
"""Smallest share of a region's rectangle on the floor that lies within the picture."""
MIN_UNHIDDEN = {Kind.BUFFER: 0.10, Kind.SHELF: 0.35, Kind.PALLET: 0.30, Kind.TRANSPORTER: 0.35}
"""Smallest share of its expected pixels that is not hidden behind something else."""
TIE_WIDTH = 0.02
"""Centroids nearer to each other than this share of the picture's width count as one."""


@dataclass(frozen=True)
class Seen:
    """A region as it is seen, and its true place."""

    kind: Kind
    place: Rectangle
    loaded: bool
    x: float  # centroid of the visible mask, share of the picture's width
    counts: str  # compressed COCO run lengths


@dataclass(frozen=True)
class View:
    """The regions of one picture, by their index in the scene; `order` is the standing order of each kind."""

    seen: dict[int, Seen]
    held: dict[int, list[int]]  # pallets in each buffer of `seen`, also pallets that are not seen well
    order: dict[Kind, list[int]]

    def of(self, kind: Kind) -> list[int]:
        """Indices of a kind's regions, from left to right."""
        return sorted(self.order.get(kind, []), key=lambda index: self.seen[index].x)

    def shuffled(self, rng: Rng, kind: Kind) -> tuple[int, ...]:
        """Indices of a kind's regions in some order, mostly the standing one.

        Questions of one picture so come with the very same masks and differ in their words alone.
        """
        order = self.order[kind]
        return tuple(order if rng.random() < 0.7 else (int(i) for i in rng.permutation(order)))

    def at_side(self, kind: Kind, side: str) -> int | None:
        """The leftmost, rightmost or middle region of a kind; None where that is not clear."""
        return self.pick_side(self.of(kind), side)

    def pick_side(self, indices: Sequence[int], side: str) -> int | None:
        """Like :meth:`at_side`, among the given regions."""
        ranked = sorted(indices, key=lambda index: self.seen[index].x)
        if len(ranked) < 2 or (side == "middle" and len(ranked) % 2 == 0):
            return None
        place = {"leftmost": 0, "rightmost": len(ranked) - 1, "middle": len(ranked) // 2}[side]
        chosen = ranked[place]
        x = self.seen[chosen].x
        clear = all(abs(self.seen[other].x - x) >= TIE_WIDTH for other in ranked if other != chosen)
        return chosen if clear else None

    def metres(self, a: int, b: int) -> float:
        """Distance of two regions' middles on the floor; 0 when one is a buffer that holds the other's middle."""
        first, second = self.seen[a], self.seen[b]
        for outer, inner in ((first, second), (second, first)):
            both = outer.kind is Kind.BUFFER and inner.kind is Kind.BUFFER
            if outer.kind is Kind.BUFFER and not both and outer.place.margin_inside(inner.place.centre) >= 0:
                return 0.0
        return float(np.linalg.norm(first.place.centre - second.place.centre))

    def nearest(self, candidates: Sequence[int], to: int) -> int | None:
        """The candidate whose middle is nearest to a region's; None where that is not clear."""
        place = self.seen[to].place
        distances = [float(np.linalg.norm(self.seen[c].place.centre - place.centre)) for c in candidates]
        if len(distances) < 2:
            return None
        first, second = np.argsort(distances, kind="stable")[:2]
        clear = distances[second] >= 1.15 * distances[first] and distances[second] >= distances[first] + 0.35
        return candidates[int(first)] if clear else None


def _expected_pixels(scene: Scene, index: int) -> float:
    """Roughly how many pixels a region would have if nothing hid it."""
    region, camera = scene.regions[index], scene.camera
    points = np.pad(region.place.corners(), ((0, 0), (0, 1)))
    if region.height > 0:
        points = np.concatenate([points, points + np.array([0, 0, 0.6 * region.height])])
    x, y, depth = camera.project(points)
    if (depth <= 0.2).any():
        return 1.0
    around = np.stack([x, y], axis=1)
    middle = around.mean(0)
    ring = around[np.argsort(np.arctan2(*(around - middle).T[::-1]), kind="stable")]
    x, y = ring.T
    return float(max(1.0, abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2))


def well_seen(scene: Scene, masks: NDArray[np.bool_]) -> list[int]:
    """Regions that may be asked about, given their visible masks ``[regions, height, width]``."""
    areas = masks.sum(axis=(1, 2))
    found = []
    for index, region in enumerate(scene.regions):
        grid = np.pad(region.place.grid(8), ((0, 0), (0, 1)))
        shown = scene.camera.sees(grid).mean()
        middle = scene.camera.sees(np.array([*region.place.centre, 0.0]))
        unhidden = areas[index] / _expected_pixels(scene, index)
        if (
            areas[index] >= MIN_AREA * masks[0].size
            and middle
            and shown >= MIN_SHOWN[region.kind]
            and unhidden >= MIN_UNHIDDEN[region.kind] * shown
        ):
            found.append(index)
    return found


def view_of(scene: Scene, masks: NDArray[np.bool_], rng: Rng) -> View:
    """The view of a rendered scene; ``rng`` sets the standing orders."""
    indices = well_seen(scene, masks)
    seen = {}
    for index, x, counts in zip(indices, mean_columns(masks[indices]), run_lengths(masks[indices]), strict=True):
        region = scene.regions[index]
        seen[index] = Seen(region.kind, region.place, region.loaded, x, counts)
    pallets = scene.of_kind(Kind.PALLET)
    held = {
        index: [p for p in pallets if region.place.margin_inside(scene.regions[p].place.centre) >= 0]
        for index, region in seen.items()
        if region.kind is Kind.BUFFER
    }
    order = {kind: [int(i) for i in rng.permutation([i for i, s in seen.items() if s.kind is kind])] for kind in Kind}
    return View(seen, held, order)
