"""Renders a table scene: picture, metric depth and the exact visible mask of each region."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.pixels import (
    EDGE_RAYS,
    SAMPLES,
    blur,
    border_pixels,
    borrowed_light,
    develop,
    pattern_index,
)
from region_heads.rendering.records import Rendered
from region_heads.rendering.textures import fine_grain, sample, soft_noise
from region_heads.tabletop.raycast import FLOOR, TABLE_SIDE, TABLE_TOP, Caster, Hits
from region_heads.tabletop.scene import Scene

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_LAMP_RADIUS = 0.22  # metres; the larger, the softer the shadows
_OFFSET = np.float32(1e-3)  # metres, keeps a surface from shading itself
_DIRECT, _FILL, _AMBIENT = 0.95, 0.16, 0.42
_HEM = 0.008  # width of a mat's darker border (metres)


@dataclass(frozen=True)
class Sight:
    """What each pixel of a scene shows, before any shading."""

    caster: Caster
    hits: Hits  # owners are regions of the scene, mats among them
    masks: NDArray[np.bool_]  # [regions, height, width]
    shown: Ints  # [regions], pixels that each would have in the picture if nothing hid it


def look(scene: Scene) -> Sight:
    """Casts one ray through each pixel of the scene's camera."""
    camera = scene.camera
    caster = Caster(scene)
    origin, rays = camera.position.astype(np.float32), camera.pixel_rays()
    hits = _with_mats(scene, caster.first_hits(origin, rays))
    regions = range(len(scene.solids) + len(scene.mats))
    masks = np.stack([hits.owner == region for region in regions]).reshape(-1, camera.height, camera.width)
    with np.errstate(divide="ignore"):
        top = origin + (-origin[2] / rays[:, 2])[:, None] * rays
    ahead = rays[:, 2] < 0
    shown = [*hits.met, *(int(((mat.beyond(top[:, :2].astype(float)) <= 0) & ahead).sum()) for mat in scene.mats)]
    return Sight(caster, hits, masks, np.array(shown))


def _with_mats(scene: Scene, hits: Hits) -> Hits:
    """The hits with mats as owners of what lies on them of the table's top (in place)."""
    top = np.flatnonzero(hits.owner == TABLE_TOP)
    for number, mat in enumerate(scene.mats):
        inside = mat.beyond(hits.point[top, :2].astype(float)) <= 0
        hits.owner[top[inside]] = len(scene.solids) + number
    return hits


def render(scene: Scene, sight: Sight, rng: np.random.Generator) -> Rendered:
    """Shades what the camera sees.

    Args:
        scene: The scene.
        sight: What ``look`` found in it.
        rng: jitters the light samples.
    """
    shape = (scene.camera.height, scene.camera.width)
    hits = sight.hits
    open_lamp = _open_lamp(scene, sight.caster, hits, rng, shape)
    eye = scene.camera.position.astype(np.float32)
    linear = _shade(scene, sight.caster, hits, eye, open_lamp)
    _smooth_edges(scene, sight, open_lamp, linear)
    depth = np.clip(np.rint(hits.distance * 1000.0), 0, 65535).astype(np.uint16).reshape(shape)
    return Rendered(develop(linear.reshape(*shape, 3), scene.exposure), depth, sight.masks)


def _open_lamp(scene: Scene, caster: Caster, hits: Hits, rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Share of the lamp that each point sees, ``[n]``: one sample a pixel, averaged within a face."""
    number = pattern_index(*shape)
    k = np.arange(SAMPLES) + 0.5
    turn, away = k * np.pi * (3 - np.sqrt(5)), _LAMP_RADIUS * np.sqrt(k / SAMPLES)
    disc = np.stack([away * np.cos(turn), away * np.sin(turn), np.zeros(SAMPLES)], axis=1)[rng.permutation(SAMPLES)]
    origins = hits.point + _OFFSET * hits.normal
    towards = (scene.lamp + disc).astype(np.float32)[number] - origins
    towards[:, :2] += rng.uniform(-0.04, 0.04, (len(towards), 2)).astype(np.float32)
    lit = np.einsum("ij,ij->i", towards, hits.normal) > 0
    open_lamp = np.zeros(len(towards), np.float32)
    open_lamp[lit] = ~caster.blocked(origins[lit], towards[lit])
    return blur(open_lamp.reshape(shape), hits.key.reshape(shape)).ravel()


def _shade(scene: Scene, caster: Caster, hits: Hits, eye: Floats, open_lamp: Floats, *, mirrors: bool = True) -> Floats:
    """Light that leaves points towards ``eye`` ``[3]`` or ``[n, 3]``, linear RGB ``[n, 3]``."""
    towards = scene.lamp.astype(np.float32) - hits.point
    squared = np.einsum("ij,ij->i", towards, towards)
    towards /= np.sqrt(squared)[:, None]
    facing = np.clip(np.einsum("ij,ij->i", towards, hits.normal), 0, None)
    key = open_lamp * facing * np.float32((scene.lamp**2).sum()) / squared
    side = np.array([-scene.lamp[0], -scene.lamp[1], 1.2]) / np.linalg.norm([*scene.lamp[:2], 1.2])
    fill = np.clip(np.einsum("ij,j->i", hits.normal, side.astype(np.float32)), 0, None)
    ambient = (0.62 + 0.38 * hits.normal[:, 2]) * _openness(caster, hits)
    light = _DIRECT * key + _FILL * fill + _AMBIENT * ambient
    linear: Floats = _albedo(scene, hits) * light[:, None]
    view = eye - hits.point
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    _add_gloss(scene, caster, hits, view, towards, open_lamp, linear, mirrors=mirrors)
    return linear


def _openness(caster: Caster, hits: Hits) -> Floats:
    """How much of its surroundings each point sees, other solids taken as balls (Quilez, sphere occlusion)."""
    result = np.ones(len(hits.owner), np.float32)
    for number, (middle, radius) in enumerate(zip(caster.middles, caster.radii, strict=True)):
        towards = middle - hits.point
        squared = np.einsum("ij,ij->i", towards, towards)
        near = np.flatnonzero((squared < (4 * radius) ** 2) & (hits.owner != number))
        facing = np.clip(np.einsum("ij,ij->i", towards[near], hits.normal[near]), 0, None)
        ball = np.float32(0.6) * radius * radius  # a solid fills about this much of the sphere around it
        result[near] *= 1 - np.clip(facing * ball / np.maximum(squared[near], ball) ** 1.5, 0, 0.85)
    return result


def _albedo(scene: Scene, hits: Hits) -> Floats:
    """Colours of the surfaces, linear RGB ``[n, 3]``."""
    tints = [*(s.tint for s in scene.solids), *(m.tint for m in scene.mats), scene.floor, scene.table, scene.table]
    colour = np.array(tints, np.float32)[hits.owner]  # the last three are FLOOR, TABLE_SIDE and TABLE_TOP
    x, y = hits.point[:, 0] + scene.grain[0], hits.point[:, 1] + scene.grain[1]
    table = np.flatnonzero((hits.owner == TABLE_TOP) | (hits.owner == TABLE_SIDE))
    a, b = x[table], y[table]
    if scene.wooden:
        board = np.floor(b / 0.15)
        streaks = sample(soft_noise(), a * 60 + board * 137, b * 900) + 0.5 * sample(soft_noise(), a * 25, b * 300)
        seam = np.abs(b / 0.15 - np.round(b / 0.15)) * 0.15 < 0.0012
        shade = 1 + 0.10 * streaks + 0.04 * np.sin(board * 2.4) - 0.35 * seam
    else:
        shade = 1 + 0.03 * sample(soft_noise(), a * 90, b * 90) + 0.03 * sample(fine_grain(), a * 500, b * 500)
    colour[table] *= np.clip(shade, 0.4, 1.6)[:, None].astype(np.float32)
    floor = np.flatnonzero(hits.owner == FLOOR)
    colour[floor] *= (1 + 0.08 * sample(soft_noise(), x[floor] * 40, y[floor] * 40))[:, None]
    for number, mat in enumerate(scene.mats):
        chosen = np.flatnonzero(hits.owner == len(scene.solids) + number)
        a, b = mat.local(hits.point[chosen, :2].astype(float)).astype(np.float32).T
        weave = 1 + 0.05 * sample(fine_grain(), a * 700, b * 700) + 0.05 * np.sign(np.sin(a * 1200) * np.sin(b * 1200))
        hem = mat.beyond(hits.point[chosen, :2].astype(float)) > -_HEM
        colour[chosen] *= (weave * np.where(hem, 0.62, 0.9))[:, None].astype(np.float32)
    return colour


def _add_gloss(
    scene: Scene, caster: Caster, hits: Hits, view: Floats, lamp: Floats, open_lamp: Floats, linear: Floats,
    *, mirrors: bool,
) -> None:  # fmt: skip
    """Adds what surfaces mirror: the lamp on rubber, the whole room on metal (in place)."""
    for number, solid in enumerate(scene.solids):
        chosen = np.flatnonzero(hits.owner == number)
        if len(chosen) == 0:
            continue
        normal, towards = hits.normal[chosen], view[chosen]
        half = towards + lamp[chosen]
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        shine = np.clip(np.einsum("ij,ij->i", half, normal), 0, None)
        cosine = np.clip(np.einsum("ij,ij->i", towards, normal), 0, 1)
        if solid.material == "rubber":
            linear[chosen] += (0.05 * shine**14 * open_lamp[chosen])[:, None]
            continue
        mirrored = 2 * cosine[:, None] * normal - towards
        tint = np.array(solid.tint, np.float32)
        tint = 0.55 * tint + 0.45 * tint / tint.max() * 0.6
        grazing = (1 - cosine)[:, None] ** 5
        seen = _room(scene, caster, hits.point[chosen] + _OFFSET * normal, mirrored, mirrors=mirrors)
        linear[chosen] = 0.45 * linear[chosen] + seen * (tint + (0.9 - tint) * grazing)
        linear[chosen] += (2.2 * shine**220 + 0.25 * shine**24)[:, None] * open_lamp[chosen, None] * (0.4 + 0.6 * tint)


def _room(scene: Scene, caster: Caster, origins: Floats, directions: Floats, *, mirrors: bool) -> Floats:
    """Light that comes from ``directions``: a studio with bright windows, and once what stands on the table."""
    up = directions[:, 2]
    light = 0.32 + 0.5 * np.clip(up, 0, 1)
    around = np.arctan2(directions[:, 1], directions[:, 0])
    window = (np.abs(np.sin(1.5 * around + scene.grain[0])) > 0.72) & (up > 0.18) & (up < 0.62)
    light = np.where(window, 1.9, light).astype(np.float32)
    room = np.repeat(light[:, None], 3, axis=1)
    if mirrors:
        hits = _with_mats(scene, caster.first_hits(origins, directions))
        met = np.flatnonzero(hits.distance < 1e3)
        some = Hits(hits.distance[met], hits.point[met], hits.normal[met], hits.owner[met], hits.face[met], hits.met)
        room[met] = _shade(scene, caster, some, origins[met], np.full(len(met), 0.8, np.float32), mirrors=False)
    return room


def _smooth_edges(scene: Scene, sight: Sight, open_lamp: Floats, linear: Floats) -> None:
    """Replaces pixels on borders of faces by the mean of four rays (in place)."""
    camera, hits = scene.camera, sight.hits
    shape = (camera.height, camera.width)
    pixels = border_pixels(hits.key.reshape(shape))
    row, column = np.divmod(pixels, camera.width)
    eye = camera.position.astype(np.float32)
    total = np.zeros((len(pixels), 3), np.float32)
    for dx, dy in EDGE_RAYS:
        rays = camera.rays((column + 0.5 + dx).astype(np.float32), (row + 0.5 + dy).astype(np.float32))
        extra = _with_mats(scene, sight.caster.first_hits(eye, rays))
        light = borrowed_light(extra.key, hits.key, open_lamp, row, column, shape)
        total += np.minimum(_shade(scene, sight.caster, extra, eye, light), 1.6)
    linear[pixels] = total / len(EDGE_RAYS)
