"""Records out of JSON lists and JSON lines, one by one; what is broken between them is kept as text."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from region_heads.formats.json_text import LONGEST_RECORD, BrokenTextError, decode, too_long
from region_heads.formats.listing import ListReader
from region_heads.formats.problem import Problem


@dataclass(frozen=True)
class Raw:
    """One record as it stands in a file.

    Attributes:
        number: Line of a JSONL file, or position in a JSON list; both from 1.
        line: Where it starts, from 1.
        text: The original text.
        content: The parsed JSON; None when ``problem`` says why there is none.
    """

    number: int
    line: int
    text: str
    content: Any = None
    problem: Problem | None = None


class RecordFile:
    """Iterates over every record of a JSON list or a JSONL file, whatever its name, one by one.

    A broken line is one broken record. In a broken list, what lies between a sound record and the next thing
    that looks like one is one broken record, and so is the place where a list ends too early. Text without a record's
    end comes out in pieces of one to two ``LONGEST_RECORD``, each broken. The text is UTF-8, or UTF-16 with its mark;
    bytes that are not come out as lone surrogates, which no field accepts.

    Attributes:
        size: Bytes of the file.
        position: Bytes that were read so far.

    Raises:
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self.position = 0

    def __iter__(self) -> Iterator[Raw]:
        with self._path.open("rb") as file:
            encoding = "utf-16" if file.peek(2)[:2] in _UTF16_MARKS else "utf-8-sig"
            with io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape") as text:
                for raw in _records(text):
                    self.position = file.tell()
                    yield raw


_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _records(file: TextIO) -> Iterator[Raw]:
    line, opening = 1, file.read(1)
    while opening and opening.isspace():
        line += opening == "\n"
        opening = file.read(1)
    if opening == "[":
        for number, (at, text, content) in enumerate(ListReader(file, first_line=line), start=1):
            yield _raw(number, at, text, content)
    elif opening:
        yield from _lines(file, opening, line)


def _lines(file: TextIO, opening: str, first: int) -> Iterator[Raw]:
    broken: list[Raw] = []  # from the first line on: perhaps they are one record, written over several lines
    sound, held = False, 0
    for number, line in _numbered(file, opening, first):
        text = line.strip()
        if not text:
            continue
        raw = _raw(number, number, text, _whole(text) if len(text) <= LONGEST_RECORD else too_long())
        held += len(text)
        if raw.problem is not None and not sound and held <= LONGEST_RECORD:
            broken.append(raw)
            continue
        if not sound:
            yield from broken
        sound = True
        yield raw
    if not sound:
        text = "\n".join(raw.text for raw in broken)
        content = _whole(text)
        yield from broken if isinstance(content, BrokenTextError) else [Raw(1, first, text, content)]


def _numbered(file: TextIO, opening: str, first: int) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; one that is longer than a record may be in pieces."""
    number, line = first, opening + file.readline(LONGEST_RECORD)
    while line:
        yield number, line
        number += line.endswith("\n")
        line = file.readline(LONGEST_RECORD + 1)


def _whole(text: str) -> Any:
    try:
        content, end = decode(text, 0)
    except BrokenTextError as error:
        return error
    if text[end:].strip():
        return BrokenTextError(f"more text after the object, at position {end}")
    return content


def _raw(number: int, line: int, text: str, content: Any) -> Raw:
    if isinstance(content, BrokenTextError):
        problem = Problem("broken_json", "", "one complete JSON object", str(content), "mend or remove this text")
        return Raw(number, line, text, problem=problem)
    return Raw(number, line, text, content)


def strict_json(content: Any) -> bool:
    """Whether ``content`` can be written as standard JSON again, without NaN, infinity or broken text."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return False
    return True
