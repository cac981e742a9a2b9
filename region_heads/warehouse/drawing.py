"""Draws whole scenes: layouts and cameras at random until one shows enough to ask about."""

import numpy as np

from region_heads.rendering.camera import Camera
from region_heads.warehouse.boxes import Boxes, Colour
from region_heads.warehouse.furniture import shelf, transporter
from region_heads.warehouse.goods import loaded_pallet
from region_heads.warehouse.layout import draw_regions
from region_heads.warehouse.scene import Kind, Region, Scene
from region_heads.warehouse.surroundings import CEILING, draw_floor, draw_surroundings

Rng = np.random.Generator

_CAMERAS_TRIED = 24
_ACCENTS: tuple[Colour, ...] = (
    (0.62, 0.16, 0.01), (0.66, 0.45, 0.02), (0.55, 0.56, 0.58), (0.02, 0.26, 0.24), (0.42, 0.03, 0.03),
)  # fmt: skip


def draw_scene(rng: Rng, size: tuple[int, int]) -> Scene:
    """A scene with a picture of ``size`` (width, height); all its randomness comes from ``rng``."""
    regions = draw_regions(rng)
    camera = _best_camera(rng, regions, size)
    boxes = Boxes(rng)
    lamps = draw_surroundings(rng, boxes, regions, camera)
    makes = ["wood", "blue", "black"]
    shares = rng.dirichlet([1.2, 1.0, 0.9])
    make, accent = rng.choice(["platform", "fork"]), _ACCENTS[int(rng.integers(len(_ACCENTS)))]
    for owner, region in enumerate(regions):
        place = region.place
        if region.kind is Kind.PALLET:
            thing = loaded_pallet(rng, str(rng.choice(makes, p=shares)), place.length, place.width)
        elif region.kind is Kind.SHELF:
            thing = shelf(rng, place.length, place.width, region.height)
        elif region.kind is Kind.TRANSPORTER:
            thing = transporter(rng, str(make), accent, loaded=region.loaded)
        else:
            continue
        boxes.place(thing, (place.x, place.y, 0.0), place.yaw, owner=owner)
    warmth = rng.uniform(-0.06, 0.06)
    return Scene(
        regions=tuple(regions),
        boxes=boxes.arrays(),
        camera=camera,
        floor=draw_floor(rng, regions),
        lamps=lamps,
        light=(float(1 + warmth), 1.0, float(1 - warmth)),
        exposure=float(rng.uniform(0.85, 1.2)),
    )


def _best_camera(rng: Rng, regions: list[Region], size: tuple[int, int]) -> Camera:
    """Of some random poses the one whose picture holds most of the regions, whole buffers above all."""
    weights = {Kind.BUFFER: 2.0, Kind.SHELF: 1.6, Kind.TRANSPORTER: 1.2, Kind.PALLET: 1.0}
    grids = [np.pad(region.place.grid(5), ((0, 0), (0, 1))) for region in regions]
    best, best_score = None, -np.inf
    for _ in range(_CAMERAS_TRIED):
        camera = Camera.looking(
            (float(rng.normal(0, 1.2)), float(rng.normal(0, 1.0))),
            height=float(rng.uniform(5.0, 8.0)),
            pitch=float(rng.uniform(35, 70)),
            yaw=float(rng.choice([0, 90, 180, 270]) + rng.normal(0, 22)),
            roll=float(np.clip(rng.normal(0, 1.6), -4, 4)),
            # Most ceiling cameras of a site are of one make: the middle of the range is the common case.
            fov=float(rng.triangular(68, 74, 80)),
            size=size,
        )
        shown = [float(camera.sees(grid).mean()) for grid in grids]
        score = sum(weights[r.kind] * max(0.0, s - 0.4) for r, s in zip(regions, shown, strict=True))
        score += rng.gumbel(0, 0.9)  # not always the tidiest view
        if score > best_score:
            best, best_score = camera, score
    assert best is not None and best.position[2] < CEILING
    return best
