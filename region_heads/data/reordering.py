"""Other orders of regions that a question merely lists: "the pallets <mask> <mask> <mask>"."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from region_heads.records import MASK_TOKEN

_LISTED = re.compile(rf"{re.escape(MASK_TOKEN)}(?:\s*{re.escape(MASK_TOKEN)})*")
_NAMED = re.compile(r"\[Region (\d+)\]")


def reorder(question: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order ``[n]`` of the regions that leaves the question as true as it was.

    Regions change places only within a list of ``<mask>`` with nothing between them, where they stand for a set; the
    i-th ``<mask>`` is to show the region that was number ``order[i]``.
    """
    lists, start = [], 0
    for found in _LISTED.finditer(question):
        end = start + found[0].count(MASK_TOKEN)
        lists.append(rng.permutation(np.arange(start, end)))
        start = end
    return np.concatenate([np.empty(0, dtype=np.int64), *lists])


def renumber(freeform: str, order: NDArray[np.int64]) -> str:
    """The freeform answer with every ``[Region i]`` as it is called after :func:`reorder`."""
    places = np.argsort(order)

    def renamed(found: re.Match[str]) -> str:
        old = int(found[1])
        return f"[Region {places[old]}]" if old < len(places) else found[0]

    return _NAMED.sub(renamed, freeform)
