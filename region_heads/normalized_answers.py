"""A ``normalized_answer`` as the typed target of its task; what is taken for a number, and within which bounds."""

from __future__ import annotations

import math
import re
from typing import Any


def as_number(value: Any) -> float | None:
    """``value`` as a finite float, or None when the official scorer could not read it as a number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


FARTHEST = 1e5
"""Longest distance that is taken for one, in metres."""

LARGEST_COUNT = 1000
"""Largest count that is taken for one; a head has a class for each."""

WRITTEN = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def _given_number(value: Any) -> float | None:
    """A number, also one that is written as text, as the public data set's card shows them."""
    return None if isinstance(value, str) and not WRITTEN.fullmatch(value) else as_number(value)


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**80 else "an integer of more than 80 digits"
    return text if len(text) <= 80 else f"{text[:80]} …"


def parse_distance(value: Any) -> float:
    """Metres; raises ``ValueError`` with the expected and the found, as the others do."""
    number = _given_number(value)
    if number is None or not 0 <= number <= FARTHEST:
        raise ValueError(f"expected a distance from 0 to {FARTHEST:,.0f} in metres, found {_shown(value)}")
    return abs(number)  # there is a minus zero


def parse_side(value: Any) -> str:
    """ "left" or "right"."""
    if isinstance(value, str) and value.strip().lower() in ("left", "right"):
        return value.strip().lower()
    raise ValueError(f'expected "left" or "right", found {_shown(value)}')


def parse_index(value: Any) -> int:
    """The region's number: a digit string in the public set, an integer in the flat format, or its name in answers."""
    found = re.fullmatch(r"\s*(?:\[?[Rr]egion )?([0-9]{1,6})\]?\s*", value) if isinstance(value, str) else None
    if found:
        return int(found[1])
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6:
        return value
    raise ValueError(f'expected a region index such as "2", found {_shown(value)}')


def parse_count(value: Any) -> int:
    """A whole number."""
    number = _given_number(value)
    if number is None or not 0 <= number <= LARGEST_COUNT or number != int(number):
        raise ValueError(f"expected a whole count from 0 to {LARGEST_COUNT:,}, found {_shown(value)}")
    return int(number)
