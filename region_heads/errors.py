"""The one error that a user may see: what was expected, what was found, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RegionHeadsError(Exception):
    """A problem of the input or the setting, told in words; the command line shows it without a traceback.

    The message names the file, the record and the field where there are such, what was expected and
    found, and what to do about it.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``word``: the known one that was probably meant, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
