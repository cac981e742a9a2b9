"""The warehouse's wordings."""

from pathlib import Path

import numpy as np

from region_heads.rendering.wordings import Wordings


def wordings(other: str = "") -> Wordings:
    """The content of ``wordings.yaml``, or of what the file ``other`` puts in its place."""
    return Wordings.read(Path(__file__).with_name("wordings.yaml"), other)


def side_word(words: Wordings, rng: np.random.Generator, side: str, *, reserved: bool) -> str:
    """A word for "leftmost", "rightmost" or "middle"."""
    return words.word(rng, "sides", side, reserved=reserved and bool(rng.random() < 0.25))
