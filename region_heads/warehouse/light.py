"""Light on surfaces: soft shadows of the ceiling lamps and ambient occlusion, a few rays for each pixel.

Each pixel takes one of 16 samples, by its place in a 4 x 4 pattern; a blur over the pattern that does not cross
the border of a face then averages all sixteen. (Interleaved sampling, Keller and Heidrich 2001.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from region_heads.warehouse.raycast import Caster, Hits

Floats = NDArray[np.float32]

_PATTERN = 4
_SAMPLES = _PATTERN * _PATTERN
_REACH = 1.5  # metres within which things darken each other's surroundings
_OFFSET = 2e-3  # metres, keeps a surface from shading itself
_DIRECT, _AMBIENT = 0.78, 0.42


def _pattern_index(height: int, width: int) -> NDArray[np.int64]:
    """Sample number of each pixel ``[height * width]``; neighbours get far-apart numbers."""
    order = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    return np.tile(order, (height // _PATTERN + 1, width // _PATTERN + 1))[:height, :width].ravel()


def _directions() -> Floats:
    """Unit vectors spread evenly over the sphere ``[16, 3]``; added to a normal they are cosine-weighted."""
    k = np.arange(_SAMPLES) + 0.5
    z = 1 - 2 * k / _SAMPLES
    turn = k * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1).astype(np.float32)


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
    sample = _pattern_index(*shape)
    normals = caster.normals(hits)
    origins = hits.point + _OFFSET * normals
    n = len(sample)

    middle = np.median(hits.point[:: max(1, n // 2000)], axis=0)[:2]
    nearest = np.argsort(np.linalg.norm(lamps[:, :2] - middle, axis=1), kind="stable")
    bulbs = lamps[np.resize(nearest[:_SAMPLES], _SAMPLES)].astype(np.float32)[rng.permutation(_SAMPLES)]
    target = bulbs[sample]
    target[:, :2] += rng.uniform(-0.55, 0.55, (n, 2)).astype(np.float32)
    towards = target - origins
    squared = np.einsum("ij,ij->i", towards, towards)
    facing = np.clip(np.einsum("ij,ij->i", towards, normals), 0, None) / np.sqrt(squared)
    downward = np.abs(towards[:, 2]) / np.sqrt(squared)
    arriving = facing * downward / squared * np.float32(90.0)
    arriving[arriving > 0] *= ~caster.blocked(origins[arriving > 0], towards[arriving > 0], 0.999)

    sky = normals + 0.999 * _directions()[sample]
    sky += 0.15 * rng.standard_normal((n, 3), dtype=np.float32)
    sky /= np.linalg.norm(sky, axis=1, keepdims=True)
    open_sky = 1.0 - caster.blocked(origins, sky, _REACH).astype(np.float32)
    # Light from below is what the grey floor sends back.
    ambient = open_sky * (0.62 + 0.38 * normals[:, 2])

    mixed = _DIRECT * arriving + _AMBIENT * ambient
    return _blur(mixed.reshape(shape), hits.key.reshape(shape)).ravel()


def _blur(values: Floats, key: NDArray[np.int64]) -> Floats:
    """Means over a row and then a column of neighbours on the same face."""
    reach = 3
    for axis in (0, 1):
        total, weight = values.copy(), np.ones_like(values)
        for step in range(1, reach + 1):
            high = [slice(None)] * 2
            low = [slice(None)] * 2
            high[axis], low[axis] = slice(step, None), slice(None, -step)
            h, w = tuple(high), tuple(low)
            # Full weight for the pattern's own length, half at its ends, so that each sample counts the same.
            same = (key[h] == key[w]) * np.float32(1.0 if step < 2 else 0.75 if step == 2 else 0.25)
            total[h] += same * values[w]
            weight[h] += same
            total[w] += same * values[h]
            weight[w] += same
        values = total / weight
    return values
