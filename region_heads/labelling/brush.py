"""Label Studio's run lengths of brushed masks.

Bits: the number of values (32), the bits of a value less one (5), four sizes of lengths less one (4 each); then runs:
whether one value is repeated (1); which size (2); the length less one in that many bits; the value, or as many values.
The values are the red, green, blue and opacity of each pixel, row by row; opacity is the mask.
Source: Label Studio's tag BrushLabels and the package ``rle-pack`` of thi.ng/umbrella, whose format it is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from region_heads.rle import check_size

_CHANNELS = 4
_SIZES = (3, 4, 8, 16)


def decode(code: Sequence[int], *, height: int, width: int) -> NDArray[np.bool_]:
    """The mask, bool ``[height, width]``.

    Raises:
        ValueError: It is not of that size, or breaks off.
    """
    check_size([height, width])
    try:
        packed = bytes(code)
    except (TypeError, ValueError):
        raise ValueError("expected brush run lengths as a list of bytes, found something else") from None
    bits, place = "".join(f"{byte:08b}" for byte in packed), 0

    def read(size: int) -> int:
        nonlocal place
        place += size
        if place > len(bits):
            raise ValueError(f"expected complete brush run lengths, found {len(packed)} bytes that break off")
        return int(bits[place - size : place], 2)

    number, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    if number != height * width * _CHANNELS:
        raise ValueError(f"expected a brushed mask of {height} x {width} pixels, found {number / _CHANNELS:g} pixels")
    values, at = np.zeros(number, bool), 0
    while at < number:
        repeated = read(1)
        end = min(at + 1 + read(sizes[read(2)]), number)
        if repeated:
            values[at:end] = read(word) > 0
        else:
            values[at:end] = [read(word) > 0 for _ in range(end - at)]
        at = end
    return values.reshape(height, width, _CHANNELS)[..., 3]


def encode(pixels: NDArray[np.bool_]) -> list[int]:
    """The code of a mask, bool ``[height, width]``.

    Example:
        >>> pixels = np.eye(3, dtype=bool)
        >>> bool((decode(encode(pixels), height=3, width=3) == pixels).all())
        True
    """
    flat = pixels.ravel()
    ends = np.flatnonzero(np.diff(flat, append=~flat[-1:])) + 1
    lengths = np.diff(ends, prepend=0) * _CHANNELS
    parts = [f"{flat.size * _CHANNELS:032b}{7:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    for end, whole in zip(ends.tolist(), lengths.tolist(), strict=True):
        length, value = whole, 255 if flat[end - 1] else 0
        while length:
            part = min(length, 1 << _SIZES[-1])
            which = next(number for number, size in enumerate(_SIZES) if part <= 1 << size)
            parts.append(f"1{which:02b}{part - 1:0{_SIZES[which]}b}{value:08b}")
            length -= part
    bits = "".join(parts)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]
