"""A camera's lens: the angle that a picture shows across its width."""

import math

import numpy as np

NOMINAL_FIELD_OF_VIEW = 74.0
"""Degrees across the width of a picture, where nothing is known of its lens (recipe of the sample)."""

NARROWEST, WIDEST = 5.0, 170.0
"""Degrees of a field of view; a smaller number is probably in radians."""


def focal_length(width: float, field_of_view: float) -> float:
    """Focal length in the unit of ``width``, of a pinhole camera that shows ``field_of_view`` degrees across it."""
    return float(0.5 * width / np.tan(np.radians(field_of_view) / 2))


def field_of_view_at(width: float, focal: float) -> float:
    """The inverse of :func:`focal_length`, in degrees."""
    return math.degrees(2 * math.atan(0.5 * width / focal))
