"""The fields of view of a data set's pictures: what records give, and what stands for it where they do not."""

import math
from collections import Counter
from collections.abc import Mapping
from statistics import median
from typing import Any

from region_heads.formats.problem import Problem
from region_heads.lens_estimate import Estimate

_FEWEST = 3  # pictures whose estimates together speak for others

_ONE_LENS = 1.0
"""Degrees by which the estimates of one lens spread at most, and to which the typical field of view must be certain."""


class Lenses:
    """Collects what records give; every question about a picture then has the same.

    Args:
        otherwise: Degrees across the width of pictures of which no record says it; None: what their depth images show.
    """

    def __init__(self, otherwise: float | None) -> None:
        self._otherwise = otherwise
        self._given: dict[str, float] = {}
        self._depths: dict[str, str | None] = {}  # of each picture
        self._found: dict[str, float] = {}

    def note(self, image: str, depth: str | None, degrees: float | None) -> Problem | None:
        """Notes what a record gives; the problem, if another record about the picture gave something else."""
        self._depths[image] = depth
        if degrees is None:
            return None
        known = self._given.setdefault(image, degrees)
        if math.isclose(known, degrees, abs_tol=0.01):
            return None
        expected = f"{known:g} degrees, as another record about the picture gives"
        return Problem("lens", "field_of_view", expected, f"{degrees:g}", "correct one of them")

    def settle(self, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
        """Finds the field of view of the pictures of which no record says it, and reports on all.

        Where the estimates differ by little, there is one lens, and their median holds for all pictures. Else a picture
        has its own, if that is sure, and the median stands for the others.

        Args:
            estimates: By the paths of depth images.
        """
        silent = [image for image in self._depths if image not in self._given]
        seen = {image: one for image in silent if (one := estimates.get(self._depths[image] or ""))}
        typical, one_lens = (self._otherwise, True) if self._otherwise else _combined(list(seen.values()))
        counts = Counter(given=len(self._given))
        for image in silent:
            own = None if one_lens or image not in seen or not seen[image].sure else seen[image].degrees
            degrees = own or typical
            if degrees is not None:
                self._found[image] = degrees
            counts["set" if self._otherwise else "estimated" if own else "typical" if typical else "unknown"] += 1
        without = sum(self._depths[image] is not None and self.of(image) is None for image in silent)
        known = [degrees for image in self._depths if (degrees := self.of(image)) is not None]
        span = [min(known), median(known), max(known)] if known else None
        return {"pictures": dict(counts), "degrees": span, "unknown_with_depth": without}

    @property
    def changed(self) -> bool:
        """Whether more is known than what stands in each record."""
        return bool(self._found or self._given)

    def of(self, image: str) -> float | None:
        """Degrees across the width of a picture."""
        return self._given.get(image, self._found.get(image))


def _combined(estimates: list[Estimate]) -> tuple[float | None, bool]:
    """The median where it is certain, and whether all are of one lens."""
    if len(estimates) < _FEWEST:
        return None, False
    middle = median(one.degrees for one in estimates)
    spread = 1.48 * median(abs(one.degrees - middle) for one in estimates)  # the standard deviation of a normal one
    return (middle if spread / math.sqrt(len(estimates)) <= _ONE_LENS else None), spread <= _ONE_LENS
