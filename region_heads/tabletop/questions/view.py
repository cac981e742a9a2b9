"""What questions are asked about: things that are seen well enough, and relations that are clear or left alone.

A relation is True, False, or None where it is too close to call; with None no question is asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from region_heads.rendering.records import mean_columns, run_lengths
from region_heads.tabletop.render import Sight
from region_heads.tabletop.scene import Mat, Scene, Solid

Rng = np.random.Generator

MIN_AREA = 110 / (512 * 384)
"""Smallest visible share of the picture of a thing that is asked about."""
MIN_UNHIDDEN = {Solid: 0.45, Mat: 0.35}
"""Smallest share of a thing's pixels that is not hidden behind something else."""
TIE_WIDTH = 0.025
"""Centroids nearer to each other than this share of the picture's width count as one."""
_TIE_AWAY = 0.04  # metres by which one thing must be nearer to the camera than another
_TIE_LIMIT = 0.08  # share of a limit by which a distance must differ from it


@dataclass(frozen=True)
class Seen:
    """A thing as it is seen, and what is true of it."""

    thing: Solid | Mat
    x: float  # centroid of the visible mask, share of the picture's width
    away: tuple[float, float]  # metres from the camera to the footprint's middle: along its axis, and straight
    counts: str  # compressed COCO run lengths


@dataclass(frozen=True)
class View:
    """The things of one picture by their number in the scene; `solids` and `mats` in their standing order."""

    seen: dict[int, Seen]
    solids: tuple[int, ...]
    mats: tuple[int, ...]

    def solid(self, number: int) -> Solid:
        """The solid of that number."""
        thing = self.seen[number].thing
        assert isinstance(thing, Solid)
        return thing

    def mat(self, number: int) -> Mat:
        """The mat of that number."""
        thing = self.seen[number].thing
        assert isinstance(thing, Mat)
        return thing

    def metres(self, a: int, b: int) -> float:
        """Between the middles of two footprints; 0 when one is a mat that holds the other."""
        for outer, inner in ((a, b), (b, a)):
            if outer in self.mats and inner in self.solids and self.holds(outer, inner):
                return 0.0
        return float(np.linalg.norm(self.seen[a].thing.centre - self.seen[b].thing.centre))

    def holds(self, mat: int, solid: int) -> bool:
        """Whether the solid stands on the mat; solids stand wholly on a mat or clear of it."""
        return bool(self.mat(mat).beyond(self.solid(solid).centre) < 0)

    def left_of(self, a: int, b: int) -> bool | None:
        """Whether a is left of b in the picture."""
        apart = self.seen[b].x - self.seen[a].x
        return None if abs(apart) < TIE_WIDTH else apart > 0

    def nearer_than(self, a: int, b: int) -> bool | None:
        """Whether a is nearer to the camera than b, along its axis and straight."""
        apart = np.subtract(self.seen[b].away, self.seen[a].away)
        return None if (np.abs(apart) < _TIE_AWAY).any() or apart[0] * apart[1] < 0 else bool(apart[0] > 0)

    def closer(self, a: int, b: int, to: int) -> bool | None:
        """Whether a is closer to a third thing than b."""
        first, second = self.metres(a, to), self.metres(b, to)
        small, large = sorted((first, second))
        return None if large < 1.12 * small or large < small + 0.025 else first < second

    def within(self, a: int, b: int, limit: float) -> bool | None:
        """Whether two things are less than ``limit`` metres apart."""
        metres = self.metres(a, b)
        return None if abs(metres - limit) < _TIE_LIMIT * limit else metres < limit


def first_by(candidates: Sequence[int], before: Callable[[int, int], bool | None]) -> int | None:
    """The candidate that stands before each of the others; None where that is not clear."""
    for one in candidates:
        if all(before(one, other) for other in candidates if other != one):
            return one
    return None


def well_seen(scene: Scene, sight: Sight) -> list[int]:
    """Things that may be asked about."""
    areas = sight.masks.sum(axis=(1, 2))
    found = []
    things: tuple[Solid | Mat, ...] = (*scene.solids, *scene.mats)
    for number, thing in enumerate(things):
        if isinstance(thing, Mat):
            whole = scene.camera.sees(np.pad(thing.grid(8), ((0, 0), (0, 1)))).mean() > 0.9
        else:
            ring = np.array([(a, b, z) for a in (-1, 1) for b in (-1, 1) for z in (0, 1)])
            around = ring * np.array([thing.reach, thing.reach, thing.height]) + np.array([thing.x, thing.y, 0.0])
            whole = bool(scene.camera.sees(around).all())
        unhidden = areas[number] >= MIN_UNHIDDEN[type(thing)] * sight.shown[number]
        if whole and unhidden and areas[number] >= MIN_AREA * sight.masks[0].size:
            found.append(number)
    return found


def view_of(scene: Scene, sight: Sight, rng: Rng) -> View:
    """The view of a scene; ``rng`` sets the standing orders."""
    numbers = well_seen(scene, sight)
    things: tuple[Solid | Mat, ...] = (*scene.solids, *scene.mats)
    masks = sight.masks[numbers]
    seen = {}
    for number, x, counts in zip(numbers, mean_columns(masks), run_lengths(masks), strict=True):
        place = np.array([*things[number].centre, 0.0])
        _, _, depth = scene.camera.project(place)
        straight = float(np.linalg.norm(place - scene.camera.position))
        seen[number] = Seen(things[number], x, (float(depth), straight), counts)
    order = [int(number) for number in rng.permutation(numbers)]
    solids = tuple(number for number in order if number < len(scene.solids))
    return View(seen, solids, tuple(number for number in order if number >= len(scene.solids)))
