"""Work on whole pictures of samples: few rays for each pixel, a blur that stops at borders, smooth edges, film.

Each pixel takes one of 16 samples, by its place in a 4 x 4 pattern; a blur over the pattern that does not cross
the border of a face then averages all sixteen. (Interleaved sampling, Keller and Heidrich 2001.)
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PATTERN = 4
SAMPLES = PATTERN * PATTERN
EDGE_RAYS = ((-0.30, -0.12), (0.12, -0.30), (0.30, 0.12), (-0.12, 0.30))
"""Where rays go through a pixel on a border, from its middle, in pixels."""


def pattern_index(height: int, width: int) -> Ints:
    """Sample number of each pixel ``[height * width]``; neighbours get far-apart numbers."""
    order = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    return np.tile(order, (height // PATTERN + 1, width // PATTERN + 1))[:height, :width].ravel()


def sphere_directions() -> Floats:
    """Unit vectors spread evenly over the sphere ``[16, 3]``; added to a normal they are cosine-weighted."""
    k = np.arange(SAMPLES) + 0.5
    z = 1 - 2 * k / SAMPLES
    turn = k * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1).astype(np.float32)


def blur(values: Floats, key: Ints) -> Floats:
    """Means over a row and then a column of neighbours on the same face (``key``), both ``[height, width]``."""
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


def border_pixels(key: Ints) -> Ints:
    """Numbers of the pixels that have a neighbour on another face; ``key`` is ``[height, width]``."""
    border = np.zeros(key.shape, dtype=bool)
    across, down = key[:, 1:] != key[:, :-1], key[1:] != key[:-1]
    border[:, 1:] |= across
    border[:, :-1] |= across
    border[1:] |= down
    border[:-1] |= down
    return np.flatnonzero(border)


def borrowed_light(key: Ints, seen: Ints, light: Floats, row: Ints, column: Ints, shape: tuple[int, int]) -> Floats:
    """For rays through the pixels ``row``, ``column``, the light of the nearest pixel that shows the same face.

    ``key`` says what the rays meet, ``seen`` and ``light`` are those of the whole picture ``[height * width]``.
    Where no neighbour shows it, it is the pixel's own light.
    """
    own = row * shape[1] + column
    result: Floats = light[own].copy()
    missing = np.flatnonzero(key != seen[own])
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        r, c = row[missing] + dy, column[missing] + dx
        there = np.clip(r, 0, shape[0] - 1) * shape[1] + np.clip(c, 0, shape[1] - 1)
        same = seen[there] == key[missing]
        result[missing[same]] = light[there[same]]
        missing = missing[~same]
    return result


def develop(linear: Floats, exposure: float) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB-like values, with a soft shoulder and a slight vignette."""
    height, width = linear.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = (1 - 0.10 * (x * x + y * y)).astype(np.float32)
    v = linear * (np.float32(exposure) * vignette)[..., None]
    v = v * (2.51 * v + 0.03) / (v * (2.43 * v + 0.59) + 0.14)  # filmic curve (Narkowicz 2015)
    developed: NDArray[np.uint8] = (np.clip(v, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5).astype(np.uint8)
    return developed
