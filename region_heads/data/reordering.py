"""Other orders of regions that a question merely lists: "the pallets <mask> <mask> <mask>"."""

import re

import numpy as np
from numpy.typing import NDArray

from region_heads.records import MASK_TOKEN

_LISTED = re.compile(rf"{re.escape(MASK_TOKEN)}(?:\s*{re.escape(MASK_TOKEN)})*")
_NAMED = re.compile(r"\[Region (\d+)\]")
_THINGS = (
    r"(?:region|object|obj|mask|option|item|candidate|choice|pallet|buffer|shelf|transporter|box|number|no\.?|nr\.?)"
)
_PLACE_IN_LIST = re.compile(
    # Ordinals; "which can it reach first?" asks for something else.
    r"\bthe first\b|\bfirst\b(?=\s+[\w<])|\b(?:second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth"
    r"|last|penultimate"
    r"|former|latter|preceding|aforementioned)\b|\b\d+(?:st|nd|rd|th)\b|\brespective(?:ly)?\b|\bin turn\b"
    r"|\border(?:ed)?\b(?! to\b)|\b(?:as|are|were|is|was) (?:listed|numbered|mentioned|named|given)\b"
    # Numbers and letters: "region 2", "option b", "(c)", "#1".
    rf"|\b{_THINGS}s?\s*\[?\d|\b{_THINGS}s? [a-f]\b(?! \w)|\([a-f1-9]\)|#\s*\d",
    re.IGNORECASE,
)


def order_matters(
    question: str, taught: str | None = None, *, compares: bool = False, names_region: bool = False
) -> bool:
    """Whether words say of a region where it stands in a list, so that none may change its place.

    Args:
        taught: Text that the language-model loss teaches, where there is one; ``[Region i]`` in it is renumbered.
        compares: The answer is the first region's, relative to the second: two that are merely listed are not a set.
        names_region: The answer is a region, which ``taught`` may also call by its bare number.
    """
    if _PLACE_IN_LIST.search(question) or (compares and len(_LISTED.findall(question)) == 1):
        return True
    if taught is None:
        return False
    other = _NAMED.sub("", taught)
    return bool(_PLACE_IN_LIST.search(other)) or (names_region and re.search(r"\d", other) is not None)


def reorder(question: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random order ``[n]`` of the regions that leaves the question as true as it was.

    Regions change places only within a list of ``<mask>`` with nothing between them, where they stand for a set (see
    :func:`order_matters`); the i-th ``<mask>`` is to show the region that was number ``order[i]``.
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
