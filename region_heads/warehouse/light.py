"""Light on surfaces: soft shadows of the ceiling lamps and ambient occlusion, a few rays for each pixel."""

import numpy as np
from numpy.typing import NDArray

from region_heads.rendering.pixels import SAMPLES, blur, pattern_index, sphere_directions
from region_heads.warehouse.raycast import Caster, Hits

Floats = NDArray[np.float32]

_REACH = 1.5  # metres within which things darken each other's surroundings
_OFFSET = 2e-3  # metres, keeps a surface from shading itself
_DIRECT, _AMBIENT = 0.78, 0.42


def irradiance(
    caster: Caster, hits: Hits, lamps: NDArray[np.float64], rng: np.random.Generator, shape: tuple[int, int]
) -> Floats:
    """Light that arrives at the points of a whole picture.

    Args:
        caster: the scene.
        hits: what each pixel shows, row by row ``[height * width]``.
        lamps: middles of the ceiling lights ``[m, 3]``.
        rng: jitters the sampled points.
        shape: height and width.

    Returns:
        float32 ``[height * width]``, about 1 on a well-lit floor.
    """
    sample = pattern_index(*shape)
    normals = caster.normals(hits)
    origins = hits.point + _OFFSET * normals
    n = len(sample)

    middle = np.median(hits.point[:: max(1, n // 2000)], axis=0)[:2]
    nearest = np.argsort(np.linalg.norm(lamps[:, :2] - middle, axis=1), kind="stable")
    bulbs = lamps[np.resize(nearest[:SAMPLES], SAMPLES)].astype(np.float32)[rng.permutation(SAMPLES)]
    target = bulbs[sample]
    target[:, :2] += rng.uniform(-0.55, 0.55, (n, 2)).astype(np.float32)
    towards = target - origins
    squared = np.einsum("ij,ij->i", towards, towards)
    facing = np.clip(np.einsum("ij,ij->i", towards, normals), 0, None) / np.sqrt(squared)
    downward = np.abs(towards[:, 2]) / np.sqrt(squared)
    arriving = facing * downward / squared * np.float32(90.0)
    arriving[arriving > 0] *= ~caster.blocked(origins[arriving > 0], towards[arriving > 0], 0.999)

    sky = normals + 0.999 * sphere_directions()[sample]
    sky += 0.15 * rng.standard_normal((n, 3), dtype=np.float32)
    sky /= np.linalg.norm(sky, axis=1, keepdims=True)
    open_sky = 1.0 - caster.blocked(origins, sky, _REACH).astype(np.float32)
    # Light from below is what the grey floor sends back.
    ambient = open_sky * (0.62 + 0.38 * normals[:, 2])

    mixed = _DIRECT * arriving + _AMBIENT * ambient
    return blur(mixed.reshape(shape), hits.key.reshape(shape)).ravel()
