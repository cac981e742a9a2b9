"""Textures that give surfaces their grain: periodic, drawn once for a process."""

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_TILE = 1024


@functools.cache
def soft_noise() -> Floats:
    """A periodic texture ``[1024, 1024]`` of mean 0 and deviation 1 whose power falls off as 1/f^2.4."""
    rng = np.random.default_rng(1)
    fy, fx = np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None, :]
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((_TILE, _TILE))) * frequency**-1.2
    spectrum[0, 0] = 0.0
    texture = np.fft.irfft2(spectrum, s=(_TILE, _TILE))
    result: Floats = (texture / texture.std()).astype(np.float32)
    return result


@functools.cache
def fine_grain() -> Floats:
    """A periodic texture of fine grain, mean 0 and deviation 1, slightly softened."""
    rng = np.random.default_rng(2)
    texture = rng.standard_normal((_TILE, _TILE))
    texture = texture + np.roll(texture, 1, 0) + np.roll(texture, 1, 1)
    result: Floats = (texture / texture.std()).astype(np.float32)
    return result


def sample(texture: Floats, a: Floats, b: Floats) -> Floats:
    """The texture at ``a``, ``b`` (in texels, any number)."""
    # Nearest texel: the textures are as fine as the pixels, and "& 1023" wraps negative indices too.
    values: Floats = texture[a.astype(np.int32) & (_TILE - 1), b.astype(np.int32) & (_TILE - 1)]
    return values
