"""Draws whole scenes: mats, solids on them and beside them, and a camera that has them in view."""

import numpy as np

from region_heads.rendering.camera import Camera
from region_heads.tabletop.scene import COLOURS, MATERIALS, SHAPES, SIZES, TABLE, Colour, Mat, Scene, Solid

Rng = np.random.Generator

_DIAMETERS = {"small": (0.060, 0.080), "large": (0.120, 0.160)}
_TABLES: tuple[tuple[bool, Colour], ...] = (
    (True, (0.30, 0.185, 0.105)), (True, (0.46, 0.34, 0.22)), (True, (0.135, 0.075, 0.045)),
    (False, (0.52, 0.51, 0.49)), (False, (0.26, 0.265, 0.275)), (False, (0.07, 0.072, 0.08)),
)  # fmt: skip
_FLOORS: tuple[Colour, ...] = ((0.16, 0.15, 0.14), (0.30, 0.29, 0.28), (0.09, 0.10, 0.12), (0.24, 0.19, 0.14))
_TRIES = 60
_CAMERAS = 5
_AROUND = np.array([(a, b, z) for a in (-1, 1) for b in (-1, 1) for z in (0, 1)], float)
_FIELD = (0.56, 0.42)  # half lengths of the part of the table on which things lie (metres)


def draw_scene(rng: Rng, size: tuple[int, int]) -> Scene:
    """A scene with a picture of ``size`` (width, height); all its randomness comes from ``rng``."""
    mats = _draw_mats(rng)
    solids = _draw_solids(rng, mats)
    fov = float(rng.uniform(45, 60))
    wooden, table = _TABLES[int(rng.integers(len(_TABLES)))]
    angle = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(0.7, 1.3)
    return Scene(
        solids=tuple(solids),
        mats=tuple(mats),
        camera=_draw_camera(rng, solids, mats, fov, size),
        field_of_view=fov,
        wooden=wooden,
        table=_tinted(rng, table, 0.08),
        floor=_tinted(rng, _FLOORS[int(rng.integers(len(_FLOORS)))], 0.1),
        grain=(float(rng.uniform(0, 30)), float(rng.uniform(0, 30))),
        lamp=np.array([away * np.cos(angle), away * np.sin(angle), rng.uniform(1.5, 2.1)]),
        exposure=float(rng.uniform(0.95, 1.25)),
    )


def _tinted(rng: Rng, colour: Colour, by: float) -> Colour:
    r, g, b = np.array(colour) * (1 + rng.uniform(-by, by)) * (1 + rng.uniform(-0.02, 0.02, 3))
    return float(r), float(g), float(b)


def _draw_mats(rng: Rng) -> list[Mat]:
    mats: list[Mat] = []
    names = list(rng.permutation(list(COLOURS)))
    for _ in range(int(rng.choice([1, 2, 3], p=[0.25, 0.45, 0.30]))):
        for _ in range(_TRIES):
            x, y = rng.uniform(-1, 1, 2) * _FIELD
            length, width = rng.uniform(0.24, 0.42), rng.uniform(0.20, 0.32)
            colour = str(names[len(mats)])
            mat = Mat(colour, float(x), float(y), float(rng.uniform(0, np.pi)), float(length), float(width),
                      _tinted(rng, COLOURS[colour], 0.1))  # fmt: skip
            ring = mat.grid(9)
            on_table = (np.abs(ring) < np.array(TABLE[:2]) / 2 - 0.04).all()
            if on_table and all(other.beyond(ring).min() > 0.06 for other in mats):
                mats.append(mat)
                break
    return mats


def _draw_solids(rng: Rng, mats: list[Mat]) -> list[Solid]:
    solids: list[Solid] = []
    # A few colours and shapes come up more often in a scene, so that there is something to be told apart and counted.
    colours, shapes = rng.dirichlet(np.full(len(COLOURS), 0.7)), rng.dirichlet(np.full(len(SHAPES), 2.0))
    metal, large = rng.beta(2, 2), rng.beta(2, 2.6)
    for _ in range(int(rng.integers(6, 12))):
        mat = mats[int(rng.integers(len(mats)))] if mats and rng.random() < 0.42 else None
        for _ in range(_TRIES // 2):
            solid = _draw_solid(rng, mat, colours, shapes, (float(metal), float(large)))
            if _fits(solid, mat, mats, solids):
                solids.append(solid)
                break
    return solids


def _draw_solid(
    rng: Rng, mat: Mat | None, colours: np.ndarray, shapes: np.ndarray, shares: tuple[float, float]
) -> Solid:
    shape, colour = str(rng.choice(SHAPES, p=shapes)), str(rng.choice(list(COLOURS), p=colours))
    material, size = MATERIALS[int(rng.random() >= shares[0])], SIZES[int(rng.random() < shares[1])]
    wide = float(rng.uniform(*_DIAMETERS[size]))
    x, y = rng.uniform(-1, 1, 2) * _FIELD
    if mat is not None:
        x, y = mat.grid(15)[int(rng.integers(15 * 15))] + rng.uniform(-0.01, 0.01, 2)
    radius = wide / 2 * {"sphere": 1.0, "cylinder": 0.86, "cube": 0.84, "cone": 1.0}[shape]
    height = {"sphere": wide, "cylinder": 0.95 * wide, "cube": 2 * radius, "cone": 1.15 * wide}[shape]
    tint = _tinted(rng, COLOURS[colour], 0.08)
    return Solid(shape, colour, material, size, float(x), float(y), float(rng.uniform(0, np.pi)), radius, height, tint)


def _fits(solid: Solid, mat: Mat | None, mats: list[Mat], others: list[Solid]) -> bool:
    """Whether the solid stands free of the others, and either wholly on its mat or clear of all mats."""
    apart = all(np.linalg.norm(solid.centre - other.centre) > solid.reach + other.reach + 0.012 for other in others)
    if mat is not None:
        told_apart = solid.colour != mat.colour
        return apart and told_apart and bool(mat.beyond(solid.centre) < -0.75 * solid.reach)
    return apart and all(bool(one.beyond(solid.centre) > solid.reach + 0.01) for one in mats)


def _draw_camera(rng: Rng, solids: list[Solid], mats: list[Mat], fov: float, size: tuple[int, int]) -> Camera:
    """Of some cameras at any side of the table the one with most in view, as near as it can be."""
    points = np.array([
        *((s.x + a * s.reach, s.y + b * s.reach, z) for s in solids for a, b, z in _AROUND * (1, 1, s.height)),
        *((x, y, 0.0) for mat in mats for x, y in mat.grid(4)),
    ])  # fmt: skip
    middle = (points[:, :2].min(0) + points[:, :2].max(0)) / 2
    best, most = None, -1.0
    for _ in range(_CAMERAS):
        x, y = middle + rng.normal(0, 0.05, 2)
        pose = {
            "pitch": float(rng.uniform(30, 62)), "yaw": float(rng.uniform(0, 360)),
            "roll": float(np.clip(rng.normal(0, 1.2), -3, 3)),
        }  # fmt: skip
        for distance in np.arange(1.0, 2.05, 0.05):
            height = float(distance * np.sin(np.radians(pose["pitch"])))
            camera = Camera.looking((float(x), float(y)), height=height, fov=fov, size=size, **pose)
            seen = float(camera.sees(points).mean())
            if seen > most:
                best, most = camera, seen
    assert best is not None
    return best
