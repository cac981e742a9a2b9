"""Reads a JSON list in pieces: memory for one record, and going on behind a broken one."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TextIO

from region_heads.formats.format import formats
from region_heads.formats.json_text import LONGEST_RECORD, LONGEST_TOKEN, BrokenTextError, Decoder, too_long

_CHUNK = 1 << 16
_SPACE = re.compile(r"[\s,]*")


@cache
def _start_of_record() -> re.Pattern[str]:
    """An object whose first key is one of a record's. It has no part that can be searched twice."""
    names = dict.fromkeys(re.escape(name) for one in formats() for name in one.fields())
    return re.compile(rf'\{{\s*"(?:{"|".join(names)})"\s*:')


class ListReader:
    """Iterates over the items of a JSON list as ``(line, original text, item)``.

    In place of an item that is broken stands a :class:`BrokenTextError`. Then follows the next object that starts
    with one of a record's fields, so that one broken record costs one record. What is longer than a record may be
    comes out in pieces, each of them broken, so that no file can take more memory than a few of those.

    Args:
        file: The text after the opening bracket.
        first_line: The line on which it starts.
    """

    def __init__(self, file: TextIO, *, first_line: int = 1) -> None:
        self._file = file
        self._decode = Decoder().decode
        self._text = ""
        self._start = 0
        self._line = first_line
        self._counted = 0  # up to where the lines of the text are counted

    def __iter__(self) -> Iterator[tuple[int, str, Any]]:
        while opening := self._skip_to_item():
            line = self._line_here()
            if opening == "]":
                yield from self._after_the_list()
                return
            yield line, *self._item()
        yield self._line_here(), "", BrokenTextError("the end of the file inside the list: the file was cut")

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._start)
        self._counted = self._start
        return self._line

    def _skip_to_item(self) -> str:
        """The first character of the next item; "" at the end of the file."""
        while self._reach(1):
            found = _SPACE.match(self._text, self._start)
            self._start = found.end() if found else self._start
            if self._start < len(self._text):
                return self._text[self._start]
        return ""

    def _reach(self, size: int) -> bool:
        """Whether there are ``size`` characters from the start of the item on; reads on where there are not."""
        if len(self._text) - self._start < size:
            self._line_here()
            self._text = self._text[self._start :] + self._file.read(max(size, _CHUNK))
            self._start = self._counted = 0
        return len(self._text) - self._start >= size

    def _item(self) -> tuple[str, Any]:
        """Tries larger pieces, twice as large each time, so that even a long item costs no more than its length."""
        size = min(_CHUNK, LONGEST_RECORD)
        while True:
            whole = not self._reach(size)  # the piece is all that is left of the file
            piece = self._text[self._start : self._start + size]
            try:
                content, end = self._decode(piece)
                if whole or end < len(piece) - LONGEST_TOKEN:
                    return self._take(end), content
            except BrokenTextError as error:
                if error.end is not None:
                    return self._take(error.end), error
                if whole or not error.open_ended:
                    return self._take(self._next_record(error.resume)), error
            if size >= LONGEST_RECORD:
                return self._take(self._next_record(1)), too_long()
            size = min(2 * size, LONGEST_RECORD)

    def _take(self, length: int) -> str:
        text = self._text[self._start : self._start + length]
        self._start += length
        return text.strip()

    def _next_record(self, position: int) -> int:
        """How far it is to the next record, from ``position`` on, or to where the list, the file or a piece of it ends.

        A record that is not found in a text may start at the last brace of it, and nowhere before.
        """
        while True:
            found = _start_of_record().search(self._text, self._start + position)
            if found is not None:
                return found.start() - self._start
            size = len(self._text) - self._start
            brace = self._text.rfind("{", self._start + position)
            position = size if brace < 0 else brace - self._start
            if size >= LONGEST_RECORD:
                return position
            if not self._reach(2 * size) and len(self._text) - self._start == size:
                end = len(self._text.rstrip()) - self._start
                return end - 1 if end > 1 and self._text.endswith("]", 0, self._start + end) else end

    def _after_the_list(self) -> Iterator[tuple[int, str, Any]]:
        self._start += 1
        while self._skip_to_item():
            line = self._line_here()
            self._reach(LONGEST_RECORD)
            length = len(self._text) - self._start
            yield line, self._take(length), BrokenTextError("more text after the end of the list")
