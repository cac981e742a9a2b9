"""Decoding one JSON value out of a text, stricter than ``json``: no key may stand twice in an object."""

from __future__ import annotations

import json
from typing import Any

LONGEST_RECORD = 1 << 26
"""Characters of the longest record: some hundred masks of ten thousand runs; a longer text is not held in memory."""


class BrokenTextError(ValueError):
    """Text that is not one complete JSON value.

    Attributes:
        end: Where the value ends, when that is known although the value cannot be taken.
        open_ended: Whether the value might be complete if the text went on.
    """

    def __init__(self, message: str, *, end: int | None = None, open_ended: bool = False) -> None:
        super().__init__(message)
        self.end = end
        self.open_ended = open_ended


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BrokenTextError(f"the key {twice!r} twice in one object")
    return content


_decoder = json.JSONDecoder(object_pairs_hook=_object)
_plain = json.JSONDecoder()

_LONGEST_TOKEN = 16
"""An error this close to the end may come from a token that the end cuts: ``tru``, ``-``, ``\\u00``."""


def decode(text: str, start: int) -> tuple[Any, int]:
    """The JSON value at ``start`` and where it ends.

    Raises:
        BrokenTextError: There is none, or it cannot be taken as it is.
    """
    try:
        return _decoder.raw_decode(text, start)
    except BrokenTextError as error:
        raise BrokenTextError(str(error), end=_plain.raw_decode(text, start)[1]) from None
    except json.JSONDecodeError as error:
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - _LONGEST_TOKEN
        place = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"position {error.pos}"
        raise BrokenTextError(f"{error.msg} at {place}", open_ended=cut) from None
    except RecursionError:
        raise BrokenTextError("JSON that is nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise BrokenTextError(str(error)) from None


def too_long() -> BrokenTextError:
    """The error of a text that is longer than a record may be."""
    return BrokenTextError(f"more than {LONGEST_RECORD:,} characters without an end: this is a part of them")
