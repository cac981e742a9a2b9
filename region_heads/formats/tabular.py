"""Records out of tables, Parquet and CSV, row by row; a column is a field of the record's format."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError, first_line, nearest
from region_heads.formats.format import format_of
from region_heads.formats.json_text import LONGEST_RECORD, BrokenTextError, whole
from region_heads.formats.problem import shown

Row = tuple[int, str, Any]
"""Line (0 where there are none), original text, and content or a :class:`BrokenTextError`."""

_ROWS = 64  # rows of Parquet in memory; a record has some ten thousand characters


def parquet_rows(path: Path, file: BinaryIO) -> Iterator[Row]:
    """The rows of a Parquet table. Lists and structs are as they are; they may also be JSON text.

    Raises:
        RegionHeadsError: The table is damaged, or its columns are not a format's.
    """
    try:
        # Not the whole column of a row group, which may be the whole file, but a page of it.
        table = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 16)
        texts = _texts(path, table.schema_arrow.names)
        for batch in table.iter_batches(_ROWS, use_threads=False):
            for row in batch.to_pylist():
                content = {name: _cell(value, name in texts) for name, value in row.items() if value is not None}
                text = json.dumps(content)
                too_long = len(text) > LONGEST_RECORD
                yield 0, text, BrokenTextError(f"more than {LONGEST_RECORD:,} characters") if too_long else content
    except (pa.ArrowException, OSError, UnicodeDecodeError, RecursionError) as error:
        raise RegionHeadsError(f"{path}: not readable as Parquet ({first_line(error)}); write it again") from None


def csv_rows(path: Path, file: TextIO) -> Iterator[Row]:
    """The rows of a table of text with a line of names; its separator is a comma, a semicolon or a tab.

    A cell of a field that holds no text is JSON, where it can be read so; an empty one is absent.

    Raises:
        RegionHeadsError: The columns are not a format's.
        EOFError: The file is empty.
    """
    names, rows = text_rows(path, file)
    texts = _texts(path, names)
    for line, text, cells in rows:
        broken = isinstance(cells, BrokenTextError)
        yield line, text, cells if broken else {name: _parsed(cell, name in texts) for name, cell in cells.items()}


def text_rows(path: Path, file: TextIO) -> tuple[list[str], Iterator[Row]]:
    """The columns of a table of text, of any names, and its rows: the text of each cell that is not empty.

    Raises:
        RegionHeadsError: There is no line of names, or a name stands twice.
        EOFError: The file is empty.
    """
    csv.field_size_limit(LONGEST_RECORD)
    lines = _Lines(file)
    try:
        header = next((line for line in lines if line.strip()), "")
        separator = max(",;\t", key=header.count)
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error as error:
        raise RegionHeadsError(f"{path}: expected a line with the names of the columns, found {error}") from None
    if not names:
        raise EOFError("an empty file")
    _check_distinct(path, names)
    return names, _rows(lines, names, separator)


def _rows(lines: _Lines, names: list[str], separator: str) -> Iterator[Row]:
    rows = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        lines.begin()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            yield lines.first, lines.text, BrokenTextError(f"a row that cannot be read: {error}")
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(names):
            problem = BrokenTextError(f"a row of {len(cells)} cells under {len(names)} names of columns")
            yield lines.first, lines.text, problem
            continue
        row = zip(names, cells, strict=True)
        yield lines.first, lines.text, {name: cell for name, cell in row if cell}


class _Lines:
    """Lines of a bounded length, counted, and kept since the row began."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._line = 1
        self.begin()

    def begin(self) -> None:
        """Forgets what was read; the next line is the row's first."""
        self.first, self._kept, self._length = self._line, list[str](), 0

    @property
    def text(self) -> str:
        """The row as it stands in the file."""
        return "".join(self._kept).rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_RECORD + 1)
        if not line:
            raise StopIteration
        self._line += line.endswith(("\n", "\r"))
        self._kept.append(line)
        self._length += len(line)
        if self._length > LONGEST_RECORD:
            raise csv.Error(f"more than {LONGEST_RECORD:,} characters without an end")
        return line


def _check_distinct(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RegionHeadsError(f"{path}: expected columns of different names, found {twice[0]!r} twice; rename one")


def _texts(path: Path, names: list[str]) -> set[str]:
    """The columns that hold text.

    Raises:
        RegionHeadsError: A name stands twice, or a column is missing that every record of the format has.
    """
    _check_distinct(path, names)
    known = format_of(names)
    if known is None:
        found = ", ".join(shown(name) for name in names[:5])
        raise RegionHeadsError(f"{path}: expected columns of a record (id, question, image, …), found {found}")
    missing = next((name for name in known.required() if name not in names), None)
    if missing and known.recognises(names):  # what is no format's record is refused row by row, or holds answers
        others = [name for name in names if name not in known.fields()]
        raise RegionHeadsError(
            f"{path}: expected a column {missing!r}, found none; rename or add it{nearest(missing, others)}"
        )
    return known.texts()


def _cell(value: Any, is_text: bool) -> Any:
    """A value of Parquet as JSON has it; a list or an object may also be written as JSON text."""
    plain = _plain(value)
    return _parsed(plain, is_text) if isinstance(plain, str) and plain[:1] in ("[", "{") else plain


def _parsed(cell: str, is_text: bool) -> Any:
    try:
        return cell if is_text else whole(cell)
    except BrokenTextError:
        return cell


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
