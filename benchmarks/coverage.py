"""Patch coverage from run lengths against decoding and pooling: ``python -m benchmarks.coverage``.

Masks of 1080 x 1920, ellipses of sizes as in the public data set, to a 24 x 24 grid. The other side decodes with
pycocotools and takes the area average by reshaping, which is the fastest plain way where cells hold whole pixels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from pycocotools import mask as coco

from benchmarks.timing import medians
from region_heads import masks

HEIGHT, WIDTH, GRID = 1080, 1920, 24
_AXES = ((15, 25), (40, 60), (90, 120), (150, 260))
"""Half axes in pixels (rows, columns), from a far pallet to a near shelf."""


def codes(random: np.random.Generator, axes: tuple[int, int], number: int) -> list[str]:
    """Compressed counts of ellipses at random places."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = []
    for _ in range(number):
        y, x = random.uniform(axes[0], HEIGHT - axes[0]), random.uniform(axes[1], WIDTH - axes[1])
        mask = ((rows - y) / axes[0]) ** 2 + ((columns - x) / axes[1]) ** 2 < 1
        found.append(coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode())
    return found


def ours(counts: str) -> np.ndarray:
    return masks.coverage(masks.spans(counts, height=HEIGHT, width=WIDTH), rows=GRID, columns=GRID)


def theirs(counts: str) -> np.ndarray:
    mask = coco.decode({"size": [HEIGHT, WIDTH], "counts": counts.encode()})
    cells = mask.reshape(GRID, HEIGHT // GRID, GRID, WIDTH // GRID).mean((1, 3), dtype=np.float32)
    return np.asarray(cells.reshape(-1))


def each(way: Callable[[str], np.ndarray], some: list[str]) -> None:
    for counts in some:
        way(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    print("half axes (pixels)   decode + pool ms   run lengths ms   ratio")
    for axes in _AXES:
        some = codes(random, axes, 20)
        assert all(np.allclose(ours(counts), theirs(counts), atol=1e-5) for counts in some)
        sides = {name: partial(each, way, some) for name, way in (("ours", ours), ("theirs", theirs))}
        found = medians(sides, rounds=options.rounds)
        per_mask = {name: 1e3 * seconds / len(some) for name, seconds in found.items()}
        print(f"{axes!s:>18} {per_mask['theirs']:>18.2f} {per_mask['ours']:>16.3f} "
              f"{per_mask['theirs'] / per_mask['ours']:>6.1f}x")  # fmt: skip


if __name__ == "__main__":
    main()
