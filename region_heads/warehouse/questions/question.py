"""What a question is drawn from, and the words that stand for its regions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from region_heads.rendering.composing import Question
from region_heads.rendering.wordings import Phrase, Wordings
from region_heads.warehouse.questions.view import View
from region_heads.warehouse.scene import Kind

Rng = np.random.Generator

_NOUNS = {
    Kind.PALLET: ("pallet",),
    Kind.BUFFER: ("buffer region", "buffer", "buffer zone", "buffer area"),
    Kind.SHELF: ("shelf",),
    Kind.TRANSPORTER: ("transporter",),
}
_NUMBERS = ("no pallets", "one pallet", "two pallets", "three pallets", "four pallets", "five pallets")


@dataclass(frozen=True)
class Asker:
    """What a kind of question is drawn from."""

    view: View
    rng: Rng
    words: Wordings
    reserved: Callable[[], bool]  # whether the next question takes a wording kept for the test


Maker = Callable[[Asker], Question | None]
"""Draws one question of a kind; None when the scene (or this try) offers none."""


def single(rng: Rng, view: View, index: int) -> Phrase:
    """One region with its noun: "the pallet <mask>"."""
    return Phrase(f"the {noun(rng, view.seen[index].kind)} <mask>", (index,))


def several(rng: Rng, view: View, indices: Sequence[int]) -> Phrase:
    """Three regions with their noun: "the pallet <mask>, the pallet <mask> and the pallet <mask>"."""
    word = noun(rng, view.seen[indices[0]].kind)
    *first, last = [f"the {word} <mask>"] * len(indices)
    return Phrase(f"{', '.join(first)} and {last}", tuple(indices))


def run(indices: Sequence[int]) -> Phrase:
    """A run of masks without nouns: "<mask> <mask>"."""
    return Phrase(" ".join(["<mask>"] * len(indices)), tuple(indices))


def noun(rng: Rng, kind: Kind) -> str:
    """A word for a region's kind."""
    words = _NOUNS[kind]
    return words[0] if rng.random() < 0.4 else words[int(rng.integers(len(words)))]


def named(rng: Rng, view: View, index: int, order: Sequence[int]) -> str:
    """A region in an answer: "pallet [Region 3]"."""
    return f"{noun(rng, view.seen[index].kind)} [Region {order.index(index)}]"


def pallets_in_words(n: int) -> str:
    """The number of pallets in words."""
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n} pallets"


def hand(side: str) -> dict[str, str]:
    """The slot ``hand`` for a side that has one."""
    words = {"leftmost": "left", "rightmost": "right"}
    return {"hand": words[side]} if side in words else {}
