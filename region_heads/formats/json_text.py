"""Decoding one JSON value out of a text, stricter than ``json``: no key may stand twice in an object."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

LONGEST_RECORD = 1 << 26
"""Characters of the longest record: some hundred masks of ten thousand runs; a longer text is not held in memory."""

LONGEST_TOKEN = 16
"""What ends or fails this close to the end of a piece may read otherwise with the next: ``tru``, ``1.``, ``\\u00``."""

_DEEPEST = 64  # levels of a value: a record has four, and what is nested a thousand deep stops writers and printers
_BEFORE_A_KEY = 256  # how far in front of its first key a record may start

_MARKS = {"image", "question", "conversations"}
_HUNDRED_OPENED = re.compile(r"(?:[^\[{]*[\[{]){1,100}")


class BrokenTextError(ValueError):
    """Text that is not one complete JSON value that can be taken.

    Attributes:
        end: Where the value ends, when that is known although the value cannot be taken.
        resume: Where the next record may start at the earliest.
        open_ended: Whether the value might be complete if the text went on.
    """

    def __init__(self, message: str, *, end: int | None = None, resume: int = 1, open_ended: bool = False) -> None:
        super().__init__(message)
        self.end = end
        self.resume = max(1, resume)
        self.open_ended = open_ended


class Decoder:
    """Decodes values, one after the other."""

    def __init__(self) -> None:
        self._raw = json.JSONDecoder(object_pairs_hook=self._object, parse_int=_whole_number)
        self._repeated: str | None = None
        self._records = 0  # objects inside the value that look like records

    def decode(self, text: str) -> tuple[Any, int]:
        """The JSON value at the start of ``text`` and where it ends; a number beyond all bounds is infinite.

        Raises:
            BrokenTextError: There is none, or it cannot be taken as it is.
        """
        self._repeated, self._records = None, 0
        try:
            content, end = self._raw.raw_decode(text)
        except json.JSONDecodeError as error:
            raise self._broken(error, text) from None
        except RecursionError:
            found = _HUNDRED_OPENED.match(text)
            raise BrokenTextError("JSON that is nested too deeply", resume=found.end() if found else 1) from None
        if self._repeated is not None:
            raise BrokenTextError(f"the key {self._repeated[:80]!r} twice in one object", end=end)
        if text.count("[", 0, end) + text.count("{", 0, end) > _DEEPEST and _is_deep(content):
            raise BrokenTextError(f"JSON that is nested too deeply (more than {_DEEPEST} levels)", end=end)
        return content, end

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs) and self._repeated is None:
            counts = Counter(name for name, _ in pairs)
            self._repeated = next(name for name, count in counts.items() if count > 1)
        self._records += not _MARKS.isdisjoint(content)
        return content

    def _broken(self, error: json.JSONDecodeError, text: str) -> BrokenTextError:
        cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - LONGEST_TOKEN
        if cut and self._records > 2:
            return BrokenTextError("a value that does not end before other records begin")
        place = f"line {error.lineno} column {error.colno}" if error.lineno > 1 else f"position {error.pos}"
        # What was opened before this place and not closed breaks at it as well; but a text that lacks its end is closed
        # by the first quotes of the next record, which then starts just before the place.
        resume = 1 if self._records else error.pos - _BEFORE_A_KEY
        return BrokenTextError(f"{error.msg} at {place}", resume=resume, open_ended=cut)


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= 1000 else float(digits)  # Python refuses to read some thousand digits


def _is_deep(content: Any) -> bool:
    layer: list[Any] = [content]
    for _ in range(_DEEPEST + 1):
        layer = [inner for one in layer for inner in _inside(one)]
    return bool(layer)


def _inside(content: Any) -> Iterable[Any]:
    if isinstance(content, dict):
        return content.values()
    return content if isinstance(content, list) else ()


def too_long() -> BrokenTextError:
    """The error of a text that is longer than a record may be."""
    return BrokenTextError(f"more than {LONGEST_RECORD:,} characters without an end: this is a part of them")


def whole(text: str) -> Any:
    """The one JSON value that ``text`` is.

    Raises:
        BrokenTextError: It is none, or more.
    """
    content, end = Decoder().decode(text.strip())
    if text.strip()[end:]:
        raise BrokenTextError(f"more text after the value: {text.strip()[end:][:40]!r}")
    return content
