"""Questions in a table with columns of any name: CSV, Parquet, Arrow as ``datasets`` saves it, JSON lines."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError, first_line
from region_heads.formats.json_text import BrokenTextError, whole
from region_heads.formats.problem import Problem, shown
from region_heads.formats.reading import RecordFile, in_words, open_text
from region_heads.formats.tabular import text_rows
from region_heads.labelling import shapes
from region_heads.labelling.entry import Entry, FieldError, Options, Record, expect, read_entry
from region_heads.labelling.png_mask import png_mask
from region_heads.labelling.splits import split_of

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "question_id", "qid", "uid"),
    "image": ("image", "image_path", "file_name", "filename", "picture", "img", "path", "image_id"),
    "question": ("question", "prompt", "query", "problem", "text"),
    "regions": ("regions", "rle", "masks", "mask", "segmentation", "polygons", "boxes", "bboxes", "bbox"),
    "answer": ("answer", "normalized_answer", "label", "target", "solution"),
    "category": ("category", "task", "type", "question_type"),
    "freeform_answer": ("freeform_answer", "response", "explanation"),
}
"""Names under which a field of the flat format is looked for in each row, the first that is there."""

SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")


def read(paths: Sequence[Path], options: Options) -> Iterator[Entry]:
    """Each row as a question.

    Raises:
        RegionHeadsError: A file cannot be read, or has no column that was named.
    """
    for path in paths:
        yield from _read(path, options)


def _read(path: Path, options: Options) -> Iterator[Entry]:
    for where, row in rows(path, options):
        if isinstance(row, dict):
            yield read_entry(where, row, partial(_record, row, options), split_of(path))
        else:
            yield Entry(where, row, problems=[no_row(row)])


def rows(path: Path, options: Options) -> Iterator[tuple[str, Any]]:
    """Where each row of a table stands, and the row as a mapping; what is no row is what there is in its place.

    Raises:
        RegionHeadsError: The file cannot be read, or no row has a column that ``options`` names.
    """
    named, seen, place = set(options.columns.values()), set[str](), ""
    for place, row in _rows(path):
        seen |= row.keys() if isinstance(row, dict) else set()
        yield f"{path.name}, {place}", row
    if place and (unknown := sorted(named - seen)):
        found = ", ".join(sorted(map(str, seen)))
        raise RegionHeadsError(f"{path}: expected a column {unknown[0]!r}, found {found}; correct --column")


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    """The rows, each by its number; of a table of text by its line, as an editor shows it."""
    ending = path.suffix.lower()
    refuse_spreadsheet(path)
    try:
        if ending == ".parquet":
            with pq.ParquetFile(path) as table:
                yield from _numbered(row for batch in table.iter_batches(64) for row in batch.to_pylist())
        elif ending == ".arrow":
            with path.open("rb") as file, pa.ipc.open_stream(file) as stream:
                yield from _numbered(row for batch in stream for row in batch.to_pylist())
        elif ending in (".csv", ".tsv"):
            with in_words(path), path.open("rb") as file:
                names, found = text_rows(path, open_text(file, newline=""))
                for line, _, cells in found:
                    if cells:  # spreadsheets leave rows of separators alone below their last one
                        yield f"line {line}", dict.fromkeys(names) | cells if isinstance(cells, dict) else cells
        else:
            yield from _numbered(raw.content if raw.problem is None else raw.problem for raw in RecordFile(path))
    except pa.ArrowException as error:
        raise RegionHeadsError(f"{path}: not readable as a table ({first_line(error)}); export it again") from None


def refuse_spreadsheet(path: Path) -> None:
    """Raises RegionHeadsError where ``path`` is a spreadsheet, and says what to save it as."""
    if path.suffix.lower() in SPREADSHEETS:
        raise RegionHeadsError(f"{path}: expected a table, found a spreadsheet; save it as CSV, in Excel as CSV UTF-8")


def _numbered(found: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"row {number}", row) for number, row in enumerate(found, start=1))


def fields_of(row: Mapping[str, Any], options: Options, *, needed: Iterable[str]) -> Record:
    """What the columns of a row hold by the fields of the flat format, without empty cells; others keep their names.

    Of two columns of one field, the one that ``options`` names is taken; the other is kept as ``other_FIELD``.

    Raises:
        FieldError: One that is needed is not there.
    """
    found = {field: name for field, names in COLUMNS.items() if (name := next((n for n in names if n in row), None))}
    found |= options.columns
    for field in needed:
        if found.get(field) not in row:
            raise FieldError(
                "", f"expected a column {options.columns.get(field) or f'of the {field}'}, "
                f"found {', '.join(map(str, row))}", f"name it by --column {field}=NAME",
            )  # fmt: skip
    columns = {column: field for field, column in found.items()}
    taken = {name: f"other_{name}" for name in options.columns} | columns
    return {taken.get(name, name): value for name, value in row.items() if name and value not in (None, "")}


def _record(row: Record, options: Options) -> Record:
    record = fields_of(row, options, needed=("image", "question", "regions"))
    image = image_name(record.get("image"), options)
    regions = _parsed(record.get("regions", []))
    record |= {"image": image, "regions": regions_of(regions, image, options)}
    return record | {name: parsed_answer(record[name]) for name in ("answer",) if name in record}


def image_name(image: Any, options: Options) -> str:
    """The picture's name; a picture that the table holds itself, as ``datasets`` writes it, is kept.

    Raises:
        FieldError: There is none.
    """
    if isinstance(image, dict) and isinstance(image.get("bytes"), bytes):
        return options.keep(image["bytes"], str(image.get("path") or ""))
    name = image.get("path") if isinstance(image, dict) else image
    return str(expect(name, str, "image", "the name of a picture"))


def regions_of(regions: Any, image: str, options: Options) -> list[shapes.Region]:
    """Regions as a table holds them: masks, boxes, polygons, names of mask images.

    Raises:
        FieldError: One is none of these, or a box whose order no one has named.
    """
    found = expect(regions, list, "regions", "a list of regions")
    if len(found) == 4 and not any(isinstance(one, list | dict | str) for one in found):
        found = [found]  # one box
    return [_region(f"regions.{number}", region, image, options) for number, region in enumerate(found)]


def _region(where: str, region: Any, image: str, options: Options) -> shapes.Region:
    size = partial(options.size_of, image)  # a picture is opened only where its size is asked for
    try:
        if isinstance(region, str):
            return png_mask(options.masks, region)
        if isinstance(region, dict) and "counts" in region:
            return shapes.run_lengths(region, None if "size" in region else size())
        if isinstance(region, dict) and "polygon" in region:
            region = [region["polygon"]]
        if isinstance(region, dict):
            return region  # a box by name, or nothing that is known: the format says
        if isinstance(region, list) and region and all(isinstance(part, list) for part in region):
            return shapes.polygon(_rings(region), size())
        if isinstance(region, list) and len(region) > 4:
            return shapes.polygon([region], size())
        if options.boxes is not None:
            return shapes.box(region, options.boxes, size())
    except FieldError:
        raise
    except ValueError as error:
        raise FieldError(where, error, "correct the region") from None
    raise FieldError(
        where, f"expected a box whose numbers are named, found {shown(region)}",
        "say by --boxes whether they are xyxy or xywh, in pixels or in parts of the picture",
    )  # fmt: skip


def _rings(region: list[Any]) -> list[Any]:
    """Rings of x, y, x, y, … out of rings of points, or one ring of points."""
    if all(len(part) == 2 for part in region):
        region = [region]
    return [[value for point in ring for value in (point if isinstance(point, list) else [point])] for ring in region]


def _parsed(cell: Any) -> Any:
    """A cell of text as the JSON that it is, or as it is."""
    if not isinstance(cell, str):
        return _plain(cell)
    try:
        return whole(cell)
    except BrokenTextError:
        return re.split(r"\s*;\s*", cell)


def _plain(cell: Any) -> Any:
    """A cell of Parquet without the empty fields that each of its structs has."""
    if isinstance(cell, dict):
        return {name: _plain(value) for name, value in cell.items() if value is not None}
    return [_plain(one) for one in cell] if isinstance(cell, list | tuple) else cell


def parsed_answer(cell: Any) -> Any:
    """An answer that a table holds as text: a number where it is one."""
    if isinstance(cell, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*", cell):
        return float(cell) if "." in cell else int(cell)
    return cell


def no_row(row: Any) -> Problem:
    """What is wrong with what stands in place of a row."""
    if isinstance(row, BrokenTextError):
        return Problem("broken_row", "", "one complete row", str(row), "mend it: quote cells that hold the separator")
    return row if isinstance(row, Problem) else Problem("export", "", "an object", shown(row), "write one for each row")
