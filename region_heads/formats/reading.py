"""Records out of JSON, Parquet and CSV, one by one; what is broken between them is kept as text."""

import bz2
import codecs
import contextlib
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from region_heads.errors import RegionHeadsError
from region_heads.formats.json_list import ListReader
from region_heads.formats.json_text import LONGEST_RECORD, BrokenTextError, Decoder, too_long
from region_heads.formats.problem import Problem
from region_heads.formats.tabular import csv_rows, parquet_rows


@dataclass(frozen=True)
class Raw:
    """One record as it stands in a file.

    Attributes:
        number: Line of a JSONL file, position in a JSON list, or row of a table; all from 1.
        line: Where it starts, from 1; 0 in Parquet, which has no lines.
        text: The original text.
        content: The parsed JSON; None when ``problem`` says why there is none.
    """

    number: int
    line: int
    text: str
    content: Any = None
    problem: Problem | None = None


class RecordFile:
    """Iterates over every record of a JSON list, a JSONL file or a table, one by one.

    A file that starts as Parquet is read as such, one that is called ``.csv`` or ``.tsv`` (also packed) as a table of
    text, and any other as JSON, whatever its name.

    A broken line is one broken record. In a broken list, what lies between a sound record and the next thing
    that looks like one is one broken record, and so is the place where a list ends too early. Text without a record's
    end comes out in pieces of one to two ``LONGEST_RECORD``, each broken. The text is that of :func:`open_text`.

    Attributes:
        size: Bytes of the file.
        position: Bytes that were read so far.

    Raises:
        RegionHeadsError: The file cannot be read, or not to its end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.position = 0
        with in_words(path):
            self.size = path.stat().st_size

    def __iter__(self) -> Iterator[Raw]:
        with in_words(self._path), self._path.open("rb") as file:
            for raw in self._raws(file):
                self.position = file.tell()
                yield raw

    def _raws(self, file: io.BufferedReader) -> Iterator[Raw]:
        ending = Path(re.sub(r"\.(gz|bz2|xz)$", "", self._path.name.lower())).suffix
        if file.peek(4).startswith(b"PAR1") or (ending == ".parquet" and self.size):
            rows = parquet_rows(self._path, file)
        elif ending in (".csv", ".tsv"):
            rows = csv_rows(self._path, open_text(file, newline=""))
        else:
            yield from _records(open_text(file))
            return
        for number, (line, text, content) in enumerate(rows, start=1):
            yield _raw(number, line, text, content, check="broken_row", expected="one complete row")


@contextlib.contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Puts into words what goes wrong when a file is opened or read.

    Raises:
        RegionHeadsError: In place of what the operating system and the decompressors raise.
    """
    try:
        yield
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RegionHeadsError(f"{path}: not readable: {reason}; get the file again, or unpack it") from None


def open_text(file: BinaryIO, *, newline: str | None = None) -> TextIO:
    """The text of a file: UTF-8, or UTF-16 or UTF-32 as it starts; unpacked where it is gzip, bzip2 or xz.

    Bytes that are no text come out as lone surrogates, which no field accepts.

    Raises:
        OSError: The file is of a kind that holds no text.
    """
    reader = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file))
    start = reader.peek(6)
    for mark, unpacked in _PACKED.items():
        if start.startswith(mark):
            reader = io.BufferedReader(cast(io.RawIOBase, unpacked(reader)))
            start = reader.peek(4)
    for mark, kind in _NO_TEXT.items():
        if start.startswith(mark):
            raise OSError(f"expected JSON or lines of text, found {kind}")
    encoding = json.detect_encoding(start[:4])
    if encoding.startswith("utf-32-"):  # without a mark: rather text with a hole behind its first character
        encoding = "utf-8"
    lost = "surrogateescape" if encoding.startswith("utf-8") else "lone_surrogate"
    return io.TextIOWrapper(reader, encoding=encoding, errors=lost, newline=newline)


_PACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_NO_TEXT = {b"PK\x03\x04": "a zip archive", b"\x28\xb5\x2f\xfd": "Zstandard", b"PAR1": "a Parquet table"}
codecs.register_error("lone_surrogate", lambda error: ("\udcff", getattr(error, "end", 0)))


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
    else:
        raise EOFError("an empty file")  # no list of no records, but what an interrupted download leaves


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
        content, end = Decoder().decode(text)
    except BrokenTextError as error:
        return error
    if text[end:].strip():
        return BrokenTextError(f"more text after the object, at position {end}")
    return content


def _raw(
    number: int, line: int, text: str, content: Any, *, check: str = "broken_json",
    expected: str = "one complete JSON object",
) -> Raw:  # fmt: skip
    if isinstance(content, BrokenTextError):
        problem = Problem(check, "", expected, str(content), "mend or remove this text")
        return Raw(number, line, text, problem=problem)
    return Raw(number, line, text, content)


def strict_json(content: Any) -> bool:
    """Whether ``content`` can be written as standard JSON again, without NaN, infinity or broken text."""
    try:
        json.dumps(content, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError is a ValueError
        return False
    return True
