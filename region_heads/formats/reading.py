"""Records out of JSON lists and JSON lines, one by one; what is broken between them is kept as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from region_heads.formats.json_text import BrokenTextError, decode
from region_heads.formats.listing import ListReader
from region_heads.formats.problem import Problem


@dataclass(frozen=True)
class Raw:
    """One record as it stands in a file.

    Attributes:
        number: Line of a JSONL file, or position in a JSON list; both from 1.
        text: The original text.
        content: The parsed JSON; None when ``problem`` says why there is none.
    """

    number: int
    text: str
    content: Any = None
    problem: Problem | None = None


def read_records(path: Path) -> Iterator[Raw]:
    """Every record of a JSON list or a JSONL file, whatever its name.

    A broken line is one broken record. In a broken list, what lies between a sound record and the next thing
    that looks like one is one broken record, and so is the place where a list ends too early. Bytes that are
    not UTF-8 come out as lone surrogates, which no field accepts.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        opening = file.read(1)
        while opening and opening.isspace():
            opening = file.read(1)
        if opening == "[":
            for number, (text, content) in enumerate(ListReader(file), start=1):
                yield _raw(number, text, content)
        elif opening:
            file.seek(0)
            yield from _lines(file)


def _lines(file: TextIO) -> Iterator[Raw]:
    broken: list[Raw] = []  # from the first line on: perhaps they are one record, written over several lines
    sound = False
    for number, line in enumerate(file, start=1):
        text = line.strip()
        if not text:
            continue
        raw = _raw(number, text, _whole(text))
        if raw.problem is not None and not sound:
            broken.append(raw)
            continue
        if not sound:
            yield from broken
        sound = True
        yield raw
    if not sound:
        text = "\n".join(raw.text for raw in broken)
        content = _whole(text)
        yield from broken if isinstance(content, BrokenTextError) else [Raw(1, text, content)]


def _whole(text: str) -> Any:
    try:
        content, end = decode(text, 0)
    except BrokenTextError as error:
        return error
    if text[end:].strip():
        return BrokenTextError(f"more text after the object, at position {end}")
    return content


def _raw(number: int, text: str, content: Any) -> Raw:
    if isinstance(content, BrokenTextError):
        problem = Problem("broken_json", "", "one complete JSON object", str(content), "mend or remove this text")
        return Raw(number, text, problem=problem)
    return Raw(number, text, content)


def strict_json(content: Any) -> bool:
    """Whether ``content`` can be written as standard JSON again, without NaN, infinity or broken text."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return False
    return True


def decode_text(text: str) -> Any:
    """The JSON value of the text of a sound record."""
    return decode(text, 0)[0]
