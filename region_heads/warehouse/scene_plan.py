"""Divides the data set into scenes: which split each belongs to and how many questions of each category it gets."""

from __future__ import annotations

import math

from region_heads.warehouse.questions.composing import CATEGORIES
from region_heads.warehouse.scenes import Order
from region_heads.warehouse.settings import Params

SPLITS = ("train", "val", "test")


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
            found.append(Order(index, params.seed, split, (params.width, params.height), wanted))
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
