"""The field of view of a picture as records and questions give it: in degrees, or by the camera's intrinsics."""

import math
from collections.abc import Sequence

from region_heads.formats.problem import Problem, shown
from region_heads.lens import NARROWEST, WIDEST, field_of_view_at

_OFF_CENTRE = 0.05
"""Share of the width by which the principal point may miss the middle: what lenses do, not what cropping does."""

_SQUARE = 0.02
_NAMES = ("fx", "fy", "cx", "cy")


def given_field_of_view(
    field_of_view: object, intrinsics: object, *, height: int, width: int
) -> float | Problem | None:
    """Degrees across the width of a picture, of what a record or a question gives; None where it gives nothing.

    Args:
        field_of_view: Degrees.
        intrinsics: In pixels of the picture: ``{"fx": …, "fy": …, "cx": …, "cy": …}``, of which ``fx`` is enough, or
            the camera matrix as three rows of three numbers, or as nine numbers.
        height, width: Of the picture.
    """
    if intrinsics is None:
        return None if field_of_view is None else _angle("field_of_view", field_of_view)
    if field_of_view is not None:
        advice = "take one of the two off"
        return Problem("lens", "intrinsics", "none beside a field_of_view", shown(intrinsics), advice)
    numbers = _of_matrix(intrinsics) if isinstance(intrinsics, Sequence) else _of_names(intrinsics, height, width)
    if numbers is None or min(numbers[:2]) <= 0:
        expected = "an object with fx, fy, cx, cy or a camera matrix of three rows, in pixels"
        return Problem("lens", "intrinsics", expected, shown(intrinsics), "correct it, or give field_of_view")
    fx, fy, cx, cy = numbers
    if abs(fy / fx - 1) > _SQUARE:
        expected = "square pixels: fx and fy that differ by 2 % at most"
        return Problem("lens", "intrinsics", expected, f"fx {fx:g}, fy {fy:g}", "rectify the pictures")
    if max(abs(cx - width / 2), abs(cy - height / 2)) > _OFF_CENTRE * width:
        expected = f"a principal point near the middle of the picture ({width / 2:g}, {height / 2:g})"
        advice = "give the intrinsics of the picture as it is, not of the one that it was scaled or cropped from"
        return Problem("lens", "intrinsics", expected, f"({cx:g}, {cy:g})", advice)
    return _angle("intrinsics", field_of_view_at(width, fx))


def _angle(field: str, degrees: object) -> float | Problem:
    numbers = _numbers([degrees])
    if numbers is None or not NARROWEST <= numbers[0] <= WIDEST:
        expected = f"a field of view of {NARROWEST:g} to {WIDEST:g} degrees across the picture's width"
        return Problem("lens", field, expected, shown(degrees), "give it in degrees, or leave it out")
    return numbers[0]


def _of_names(intrinsics: object, height: int, width: int) -> list[float] | None:
    if not isinstance(intrinsics, dict) or "fx" not in intrinsics or not set(intrinsics) <= set(_NAMES):
        return None
    assumed = {"fy": intrinsics["fx"], "cx": width / 2, "cy": height / 2} | intrinsics
    return _numbers([assumed[name] for name in _NAMES])


def _of_matrix(matrix: Sequence[object]) -> list[float] | None:
    rows = [row for row in matrix if isinstance(row, Sequence) and not isinstance(row, str | bytes) and len(row) == 3]
    entries = [entry for row in rows for entry in row] if len(rows) == len(matrix) == 3 else matrix
    numbers = _numbers(entries) if len(entries) == 9 else None
    if numbers is None or numbers[3] or numbers[6:] != [0, 0, 1] or abs(numbers[1]) > _SQUARE * abs(numbers[0]):
        return None
    return [numbers[place] for place in (0, 4, 2, 5)]


def _numbers(values: Sequence[object]) -> list[float] | None:
    """``values`` as finite numbers, if all of them are."""
    try:
        numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    except OverflowError:  # a whole number beyond every float
        return None
    return numbers if len(numbers) == len(values) and all(map(math.isfinite, numbers)) else None
