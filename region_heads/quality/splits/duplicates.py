"""Pictures that look alike: their difference hashes share all but a few bits."""

import re
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

HASH = re.compile("[0-9a-f]{64}")
"""A picture's hash: 256 bits in hexadecimal digits."""

_BANDS = 16
MOST_BITS = 8
"""Of 256; a re-encoded or slightly cropped copy stays below, another scene of the same camera mostly does not."""

_CROWDED = 200  # pictures in one band from which pairs are no longer compared: a plain wall, not copies


def near_duplicates(hashes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of pictures whose hashes differ in at most :data:`MOST_BITS` bits.

    Two hashes that differ in at most 15 bits agree in one of 16 bands at least, so only pictures that share a band are
    compared.

    Args:
        hashes: Picture to its hash, of the form :data:`HASH`.
    """
    images = sorted(hashes)
    bits = np.frombuffer(bytes.fromhex("".join(hashes[image] for image in images)), ">u2").reshape(-1, _BANDS)
    pairs: set[tuple[int, int]] = set()
    for band in bits.T:
        for first, second in _sharing(band):
            differing = np.bitwise_count(bits[first] ^ bits[second]).sum(axis=1, dtype=np.int64)
            alike = differing <= MOST_BITS
            pairs.update(zip(first[alike].tolist(), second[alike].tolist(), strict=True))
    return [(images[first], images[second]) for first, second in sorted(pairs)]


def _sharing(values: NDArray[np.uint16]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of places with one value, as arrays of the first and of the second; crowded values are left out."""
    counts = np.bincount(values, minlength=1 << 16)
    order = np.argsort(values, kind="stable")
    order = order[counts[values[order]] <= _CROWDED]
    values = values[order]
    start = np.arange(len(order))
    for step in range(1, _CROWDED):
        start = start[start < len(order) - step]
        start = start[values[start] == values[start + step]]
        if not len(start):
            return
        yield order[start], order[start + step]
