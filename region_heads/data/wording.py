"""Changes of a question's words that keep it true of a changed picture, or leave it understandable."""

from __future__ import annotations

import re

_SIDES = re.compile(r"left|right", re.IGNORECASE)


def swap_sides(text: str) -> str:
    """The text with every "left" and "right" exchanged, also inside words: "leftmost", "right-hand".

    It describes the mirrored picture as the original text describes the original one.
    """

    def other(found: re.Match[str]) -> str:
        word = found.group()
        swapped = "right" if word.lower() == "left" else "left"
        if word.isupper():
            return swapped.upper()
        return swapped.capitalize() if word[0].isupper() else swapped

    return _SIDES.sub(other, text)
