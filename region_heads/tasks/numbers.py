"""What is taken for a number in a ``normalized_answer``, and how a value is shown in a message."""

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


WRITTEN = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def given_number(value: Any) -> float | None:
    """A number, also one that is written as text, as the public data set's card shows them."""
    return None if isinstance(value, str) and not WRITTEN.fullmatch(value) else as_number(value)


def shown(value: Any) -> str:
    """``value`` in a message, of bounded length."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**80 else "an integer of more than 80 digits"
    return text if len(text) <= 80 else f"{text[:80]} …"
