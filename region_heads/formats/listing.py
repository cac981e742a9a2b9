"""Reads a JSON list in pieces: memory for one record, and going on behind a broken one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TextIO

from region_heads.formats.json_text import LONGEST_RECORD, BrokenTextError, decode, too_long

_CHUNK = 1 << 22
_SPACE = re.compile(r"[\s,]*")
_NEXT_RECORD = re.compile(r"\}\s*,\s*(?=\{)|\n\s*(?=\{)")
_MARKS = {"image", "question", "conversations"}


class ListReader:
    """Iterates over the items of a JSON list as ``(line, original text, item)``.

    In place of an item that is broken stands a :class:`BrokenTextError`. Then follows the next object that has
    one of a record's fields, so that one broken record costs one record. What is longer than a record may be comes
    out in pieces, each of them broken, so that no file can take more memory than a few of those.

    Args:
        file: The text after the opening bracket.
        first_line: The line on which it starts.
    """

    def __init__(self, file: TextIO, *, first_line: int = 1) -> None:
        self._file = file
        self._chunk = _CHUNK
        self._text = ""
        self._start = 0
        self._complete = False
        self._line = first_line
        self._counted = 0  # up to where the lines of the text are counted

    def __iter__(self) -> Iterator[tuple[int, str, Any]]:
        while self._skip_to_item():
            line = self._line_here()
            if self._text[self._start] == "]":
                yield from self._after_the_list()
                return
            yield line, *self._item()
        yield self._line_here(), "", BrokenTextError("the end of the file inside the list: the file was cut")

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._start)
        self._counted = self._start
        return self._line

    def _skip_to_item(self) -> bool:
        while True:
            found = _SPACE.match(self._text, self._start)
            self._start = found.end() if found else self._start
            if self._start < len(self._text):
                return True
            if not self._grow():
                return False

    def _item(self) -> tuple[str, Any]:
        while True:
            try:
                content, end = decode(self._text, self._start)
            except BrokenTextError as error:
                if error.open_ended and self._grow():
                    continue
                if error.open_ended and self._is_long():
                    error = too_long()
                return self._take(self._next_record() if error.end is None else error.end), error
            return self._take(end), content

    def _take(self, end: int) -> str:
        text = self._text[self._start : end]
        self._start = end
        self._chunk = _CHUNK
        return text.strip()

    def _is_long(self) -> bool:
        return len(self._text) - self._start > LONGEST_RECORD

    def _grow(self) -> bool:
        """Reads on, twice as much each time, so that even a long item costs no more than its length."""
        if self._complete or self._is_long():
            return False
        more = self._file.read(self._chunk)
        self._line_here()
        self._counted = 0
        self._text = self._text[self._start :] + more
        self._start = 0
        self._chunk *= 2
        self._complete = not more
        return bool(more)

    def _next_record(self) -> int:
        """Where the next object with a record's fields starts, or where the list, the file or a piece of it ends."""
        position = 1  # relative to the start, which growing moves
        while True:
            found = _NEXT_RECORD.search(self._text, self._start + position)
            if found is None:
                position = max(1, len(self._text) - self._start - 64)
                if not self._grow():
                    if self._is_long():
                        return len(self._text)
                    end = len(self._text.rstrip())
                    return end - 1 if self._text.endswith("]", self._start + 1, end) else end
                continue
            try:
                content, _ = decode(self._text, found.end())
            except BrokenTextError as error:
                if error.open_ended and self._grow():
                    continue
                content = None
            if isinstance(content, dict) and _MARKS & content.keys():
                return found.end()
            position = found.end() - self._start

    def _after_the_list(self) -> Iterator[tuple[int, str, Any]]:
        self._start += 1
        while self._skip_to_item():
            line = self._line_here()
            while self._grow():
                pass
            yield line, self._take(len(self._text)), BrokenTextError("more text after the end of the list")
