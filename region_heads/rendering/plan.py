"""Divides the data set into scenes: which split each belongs to and how many questions of each category it gets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from region_heads.rendering.settings import Params

SPLITS = ("train", "val", "test")
CATEGORIES: tuple[str, ...] = ("distance", "left_right", "mcq", "count")
"""Categories of the public format."""


@dataclass(frozen=True)
class Order:
    """A scene to be made."""

    index: int
    seed: int
    split: str
    size: tuple[int, int]  # width, height
    wanted: Mapping[str, int]  # questions by category
    wordings: str = ""  # file of wordings in place of the domain's own

    @property
    def stem(self) -> str:
        """Name of the picture without its ending."""
        return f"{self.index:06d}"


def orders(params: Params) -> list[Order]:
    """One order for each scene; the shares of splits and categories are met as exactly as whole numbers allow."""
    ends = [0]
    for split in SPLITS:
        ends.append(min(params.scenes, round(ends[-1] + getattr(params.splits, split) * params.scenes)))
    ends[-1] = params.scenes
    found = []
    for number, split in enumerate(SPLITS):
        for place, index in enumerate(range(ends[number], ends[number + 1])):
            wanted = _questions(params, place)
            size = (params.width, params.height)
            found.append(Order(index, params.seed, split, size, wanted, params.wordings))
    return found


def _questions(params: Params, place: int) -> dict[str, int]:
    """Questions by category for the scene at a place of its split: sums stay within one of the exact share."""
    shares = {name: getattr(params.categories, name) for name in CATEGORIES}
    total = sum(shares.values())
    wanted = {}
    for number, (name, share) in enumerate(shares.items()):
        rate = params.questions_per_scene * share / total
        shift = number / len(shares)  # categories take turns in getting the odd question
        wanted[name] = math.floor((place + 1) * rate + shift) - math.floor(place * rate + shift)
    return wanted
