"""Pictures that look alike: their difference hashes share all but a few bits."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

_BANDS = 16
MOST_BITS = 8
"""Of 256; a re-encoded or slightly cropped copy stays below, another scene of the same camera mostly does not."""

_CROWDED = 200  # pictures in one band from which pairs are no longer compared: a plain wall, not copies


def near_duplicates(hashes: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of pictures whose hashes differ in at most :data:`MOST_BITS` bits.

    Two hashes that differ in at most 15 bits agree in one of 16 bands at least, so only pictures that share a band are
    compared.

    Args:
        hashes: Picture to its hash in hexadecimal digits.
    """
    bands: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for image, text in sorted(hashes.items()):
        width = len(text) // _BANDS
        for band in range(_BANDS):
            bands[band, text[band * width : (band + 1) * width]].append(image)
    pairs = set()
    for images in bands.values():
        if len(images) <= _CROWDED:
            for first, second in combinations(images, 2):
                if (int(hashes[first], 16) ^ int(hashes[second], 16)).bit_count() <= MOST_BITS:
                    pairs.add((first, second))
    return sorted(pairs)
