"""Renders a scene: picture, metric depth and the exact visible mask of each region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.warehouse.boxes import Material
from region_heads.warehouse.light import irradiance
from region_heads.warehouse.materials import albedo, painted
from region_heads.warehouse.raycast import Caster, Hits
from region_heads.warehouse.scene import Kind, Scene

Floats = NDArray[np.float32]

_CORNER_OFFSETS = ((-0.30, -0.12), (0.12, -0.30), (0.30, 0.12), (-0.12, 0.30))


@dataclass(frozen=True)
class Rendered:
    """What a camera delivers, and the truth about it."""

    rgb: NDArray[np.uint8]  # [height, width, 3]
    depth: NDArray[np.uint16]  # [height, width], planar depth in millimetres, 0 = none
    masks: NDArray[np.bool_]  # [regions, height, width], visible pixels; disjoint


@dataclass(frozen=True)
class Sight:
    """What each pixel of a scene shows, before any shading."""

    caster: Caster
    hits: Hits
    masks: NDArray[np.bool_]  # [regions, height, width]


def look(scene: Scene) -> Sight:
    """Casts one ray through each pixel of the scene's camera."""
    camera = scene.camera
    caster = Caster(scene.boxes)
    hits = caster.first_hits(camera.position, camera.pixel_rays())
    owner = scene.boxes.owner[hits.box]
    masks = np.stack([owner == index for index in range(len(scene.regions))])
    floor = np.flatnonzero(scene.boxes.material[hits.box] == Material.FLOOR)
    for index in scene.of_kind(Kind.BUFFER):  # a buffer is the floor seen inside its frame
        place = scene.regions[index].place
        inside = np.abs(place.local(hits.point[floor, :2])) <= np.array([place.length, place.width]) / 2
        masks[index, floor[inside.all(axis=1)]] = True
    return Sight(caster, hits, masks.reshape(-1, camera.height, camera.width))


def render(scene: Scene, sight: Sight, rng: np.random.Generator) -> Rendered:
    """Shades what the camera sees.

    Args:
        scene: The scene.
        sight: What ``look`` found in it.
        rng: jitters the light samples.
    """
    shape = (scene.camera.height, scene.camera.width)
    hits = sight.hits
    light = irradiance(sight.caster, hits, scene.lamps, rng, shape)
    linear = _shade(scene, hits, light)
    _smooth_edges(scene, sight, light, linear)
    depth = np.clip(np.rint(hits.distance * 1000.0), 0, 65535).astype(np.uint16).reshape(shape)
    return Rendered(_develop(linear.reshape(*shape, 3), scene.exposure), depth, sight.masks)


def _shade(scene: Scene, hits: Hits, light: Floats) -> Floats:
    """Light that leaves the points towards the camera, linear RGB ``[n, 3]``."""
    frames = [scene.regions[index].place for index in scene.of_kind(Kind.BUFFER)]
    colour = albedo(hits.point, hits.box, hits.face, scene.boxes, scene.floor, frames)
    material = scene.boxes.material[hits.box]
    light = np.where(material == Material.LAMP, np.float32(1.4), light)
    linear: Floats = colour * light[:, None] * np.array(scene.light, np.float32)
    # A ground floor mirrors the hall a little, the more the flatter it is seen.
    floor = np.flatnonzero(material == Material.FLOOR)
    towards = scene.camera.position.astype(np.float32) - hits.point[floor]
    steep = towards[:, 2] / np.linalg.norm(towards, axis=1)
    linear[floor] += (0.012 + 0.25 * (1 - steep) ** 4)[:, None] * 0.35 * light[floor, None]
    return linear


def _smooth_edges(scene: Scene, sight: Sight, light: Floats, linear: Floats) -> None:
    """Replaces pixels on borders of faces and of paint by the mean of four rays (in place)."""
    camera, hits = scene.camera, sight.hits
    height, width = camera.height, camera.width
    key = hits.key.copy()
    frames = [scene.regions[index].place for index in scene.of_kind(Kind.BUFFER)]
    floor = np.flatnonzero(scene.boxes.material[hits.box] == Material.FLOOR)
    key[floor[painted(hits.point[floor], scene.floor, frames)]] = -1
    grid = key.reshape(height, width)
    border = np.zeros((height, width), dtype=bool)
    across, down = grid[:, 1:] != grid[:, :-1], grid[1:] != grid[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    pixels = np.flatnonzero(border)
    if len(pixels) == 0:
        return
    row, column = np.divmod(pixels, width)
    total = np.zeros((len(pixels), 3), np.float32)
    for dx, dy in _CORNER_OFFSETS:
        rays = camera.rays((column + 0.5 + dx).astype(np.float32), (row + 0.5 + dy).astype(np.float32))
        extra = sight.caster.first_hits(camera.position, rays)
        total += np.minimum(
            _shade(scene, extra, _borrowed_light(extra, hits, light, row, column, (height, width))), 1.5
        )
    linear[pixels] = total / len(_CORNER_OFFSETS)


def _borrowed_light(
    extra: Hits, hits: Hits, light: Floats, row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int]
) -> Floats:
    """The light of the nearest neighbouring pixel that shows the same face; else the pixel's own."""
    own = row * shape[1] + column
    result: Floats = light[own].copy()
    key, seen = extra.key, hits.key
    missing = np.flatnonzero(key != seen[own])
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        r, c = row[missing] + dy, column[missing] + dx
        there = np.clip(r, 0, shape[0] - 1) * shape[1] + np.clip(c, 0, shape[1] - 1)
        same = seen[there] == key[missing]
        result[missing[same]] = light[there[same]]
        missing = missing[~same]
    return result


def _develop(linear: Floats, exposure: float) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB-like values, with a soft shoulder and a slight vignette."""
    height, width = linear.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = (1 - 0.10 * (x * x + y * y)).astype(np.float32)
    v = linear * (np.float32(exposure) * vignette)[..., None]
    v = v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14)  # filmic curve (Narkowicz 2015)
    developed: NDArray[np.uint8] = (np.clip(v, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5).astype(np.uint8)
    return developed
