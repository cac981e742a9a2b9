"""The fields of view of a data set's pictures: what records give, and what stands for it where they do not."""

from __future__ import annotations

import math

from region_heads.formats.problem import Problem


class Lenses:
    """Collects what records give; every question about a picture then has the same.

    Args:
        otherwise: Degrees across the width of pictures of which no record says it; None: unknown.
    """

    def __init__(self, otherwise: float | None) -> None:
        self._otherwise = otherwise
        self._given: dict[str, float] = {}
        self._silent = False  # whether a record says nothing

    def note(self, image: str, degrees: float | None) -> Problem | None:
        """Notes what a record gives; the problem, if another record about the picture gave something else."""
        if degrees is None:
            self._silent = True
            return None
        known = self._given.setdefault(image, degrees)
        if math.isclose(known, degrees, abs_tol=0.01):
            return None
        expected = f"{known:g} degrees, as another record about the picture gives"
        return Problem("lens", "field_of_view", expected, f"{degrees:g}", "correct one of them")

    @property
    def settled(self) -> bool:
        """Whether what stands in the records is all that is known."""
        return not self._silent or not (self._given or self._otherwise)

    def of(self, image: str) -> float | None:
        """Degrees across the width of a picture."""
        return self._given.get(image, self._otherwise)
