"""Renders a scene: picture, metric depth and the exact visible mask of each region."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.pixels import EDGE_RAYS, border_pixels, borrowed_light, develop
from region_heads.rendering.records import Rendered
from region_heads.warehouse.boxes import Material
from region_heads.warehouse.light import irradiance
from region_heads.warehouse.materials import albedo, painted
from region_heads.warehouse.raycast import Caster, Hits
from region_heads.warehouse.scene import Kind, Scene

Floats = NDArray[np.float32]


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
    return Rendered(develop(linear.reshape(*shape, 3), scene.exposure), depth, sight.masks)


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
    pixels = border_pixels(key.reshape(height, width))
    if len(pixels) == 0:
        return
    row, column = np.divmod(pixels, width)
    total = np.zeros((len(pixels), 3), np.float32)
    for dx, dy in EDGE_RAYS:
        rays = camera.rays((column + 0.5 + dx).astype(np.float32), (row + 0.5 + dy).astype(np.float32))
        extra = sight.caster.first_hits(camera.position, rays)
        total += np.minimum(
            _shade(scene, extra, borrowed_light(extra.key, hits.key, light, row, column, (height, width))), 1.5
        )
    linear[pixels] = total / len(EDGE_RAYS)
