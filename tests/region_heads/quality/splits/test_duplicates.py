"""Pictures that look alike are found without comparing every pair."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from region_heads.quality.splits.duplicates import MOST_BITS, near_duplicates


@given(st.integers(0, 1000), st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_the_pairs_are_those_within_the_limit(seed: int, distances: list[int]) -> None:
    draw = random.Random(seed)
    original = draw.getrandbits(256)
    hashes = {"original": original}
    for number, bits in enumerate(distances):
        hashes[f"copy{number}"] = original ^ sum(1 << bit for bit in draw.sample(range(256), bits))
    expected = {
        tuple(sorted((a, b))) for a, b in combinations(hashes, 2) if (hashes[a] ^ hashes[b]).bit_count() <= MOST_BITS
    }
    assert set(near_duplicates({name: f"{value:064x}" for name, value in hashes.items()})) == expected


def test_a_copy_in_another_format_is_alike_and_another_scene_is_not() -> None:
    import imagehash

    draw = np.random.default_rng(0)

    def scene() -> Image.Image:
        colours = Image.fromarray(draw.integers(0, 255, (9, 16, 3), dtype=np.uint8))
        return colours.resize((640, 360), Image.Resampling.BICUBIC)

    def looks(picture: Image.Image) -> str:
        return str(imagehash.dhash(picture.convert("L"), hash_size=16))

    first, second = scene(), scene()
    smaller = first.resize((480, 270)).quantize(64).convert("RGB")
    assert near_duplicates({"a": looks(first), "b": looks(second), "c": looks(smaller)}) == [("a", "c")]
