"""Records as dictionaries to the table of questions that is trained and asked: checked, tagged and grounded."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from region_heads.errors import RegionHeadsError
from region_heads.formats.checks import content_problems, mask_problems
from region_heads.formats.lens import given_field_of_view
from region_heads.formats.parsing import parse_record
from region_heads.formats.problem import Problem, shown
from region_heads.formats.regions import as_written, size_problems, with_counts
from region_heads.lens_estimate import estimate_field_of_view
from region_heads.picture_file import Kind, Opened, PictureError, Shape, depth_problem, open_picture
from region_heads.records import TAGGED_SCHEMA
from region_heads.rle import areas
from region_heads.tagging.report import RouterReport
from region_heads.tagging.settings import Params
from region_heads.tagging.tagger import Tagger, UntaggedError

_NAMED = 5  # records with problems that an error names; of the others it says how many


def question_table(records: Sequence[Mapping[str, Any]], root: str | Path, *, depth_scale: float = 0.001) -> pa.Table:
    """Questions to train on or to ask, from records in any format that `validate` reads.

    Args:
        records: Such as ``{"image", "question", "regions", "category", "answer"}`` (docs/data.md has all fields). A
            region is a box ``[left, top, right, bottom]`` in pixels, a mask as COCO's compressed runs, or a mask as an
            array ``[height, width]``. ``depth`` may name a depth image. A task that is not given is read in the
            question.
        root: Folder that ``image`` and ``depth`` are relative to.
        depth_scale: Metres for one unit of a depth image.

    Returns:
        A row for each record (``region_heads.records.TAGGED_SCHEMA``).

    Raises:
        RegionHeadsError: With what is wrong, by record. None is left out silently; a record without ``id`` is called
            by its place, which no other may be called.

    Example:
        >>> from region_heads import question_table
        >>> table = question_table(
        ...     [{"image": "0.png", "question": "How far is <mask> from <mask>?", "answer": 2.5,
        ...       "regions": [[0, 0, 9, 9], [20, 0, 29, 9]]}], "data/sample")
        >>> table["task"][0].as_py(), table["target_distance"][0].as_py()
        ('distance', 2.5)
    """
    rows, wrong, ids = [], [], dict[str, int]()
    pictures = _Pictures(Path(root), depth_scale)
    for number, record in enumerate(records):
        try:
            rows.append(_distinct(_row(number, record, pictures), number, ids))
        except RegionHeadsError as error:
            wrong.append(f"record {number}: {error}")
    if wrong or not rows:
        more = f" (and {len(wrong) - _NAMED} more)" if len(wrong) > _NAMED else ""
        raise RegionHeadsError("; ".join(wrong[:_NAMED]) + more if wrong else "expected records, found none")
    return pa.Table.from_pylist(rows, schema=TAGGED_SCHEMA)


class _Pictures:
    """What is known of pictures and depth images, each decoded once; none is kept in memory."""

    def __init__(self, root: Path, depth_scale: float) -> None:
        self._root, self._depth_scale = root, depth_scale
        self._images: dict[str, Shape] = {}
        self._depths: dict[str, tuple[Shape, bool, float | None]] = {}

    def image(self, name: str) -> Shape:
        """The shape of a picture."""
        if name not in self._images:
            self._images[name] = self._open(name, "image").shape
        return self._images[name]

    def depth(self, name: str) -> tuple[Shape, bool, float | None]:
        """The shape of a depth image, whether it knows any depth, and the field of view that it shows."""
        if name not in self._depths:
            opened = self._open(name, "depth")
            metres = opened.metres(self._depth_scale)
            lens = estimate_field_of_view(metres)
            self._depths[name] = opened.shape, bool(metres.any()), lens.degrees if lens and lens.sure else None
        return self._depths[name]

    def _open(self, name: str, kind: Kind) -> Opened:
        try:
            return open_picture(self._root / name, kind)
        except PictureError as error:
            raise RegionHeadsError(f"{self._root / name}: {error}") from None


def _row(number: int, record: Mapping[str, Any], pictures: _Pictures) -> dict[str, Any]:
    if not isinstance(record, Mapping) or not all(isinstance(name, str) for name in record):
        raise RegionHeadsError(f"expected a mapping with names of fields, found {shown(record)}; pass a dictionary")
    given = {name: _plain(value) for name, value in record.items() if name != "depth"}
    for name in ("regions", "rle"):
        if isinstance(given.get(name), Sequence) and not isinstance(given[name], str):
            given[name] = [as_written(region) for region in given[name]]
    candidate = parse_record(given)
    if isinstance(candidate, list):
        raise _refused(candidate)
    mask_faults, sizes = mask_problems(
        candidate, iter(areas([(one.size, one.counts) for one in candidate.regions if one.box is None]))
    )
    problems = [*content_problems(candidate), *mask_faults]
    picture = pictures.image(candidate.image)
    size = picture.height, picture.width
    lens = given_field_of_view(candidate.field_of_view, candidate.intrinsics, height=size[0], width=size[1])
    problems += [lens] if isinstance(lens, Problem) else []
    problems += size_problems(candidate, size, picture)
    candidate, sizes, box_faults = with_counts(candidate, size, sizes)
    if problems or box_faults:
        raise _refused([*problems, *box_faults])
    depth = record.get("depth")
    if depth is not None:
        if not isinstance(depth, str):
            raise RegionHeadsError(f"depth: expected the name of a depth image, found {shown(depth)}; name its file")
        shape, known, seen = pictures.depth(depth)
        if misfit := depth_problem(picture, shape):
            raise RegionHeadsError(f"depth: {misfit}")
        depth, lens = depth if known else None, lens or seen  # one that knows no depth is none
    row = {
        "id": candidate.id or str(number),
        "source": f"records#{number}",
        "source_split": "",
        "image": candidate.image,
        "depth": depth,
        "width": picture.width,
        "height": picture.height,
        "field_of_view": lens,
        **candidate.columns(),
        "rle": [region.counts for region in candidate.regions],
        "mask_areas": sizes,
        "extra": _extra(candidate.extra),
    }
    try:
        return row | Tagger(Params()).tag(row, RouterReport())
    except UntaggedError as error:
        raise RegionHeadsError(str(error)) from None


def _distinct(row: dict[str, Any], number: int, ids: dict[str, int]) -> dict[str, Any]:
    if (first := ids.setdefault(row["id"], number)) != number:
        raise RegionHeadsError(
            f"id: expected one of its own, found {row['id']!r} of record {first}; give each record an id, or none"
        )
    return row


def _extra(fields: Mapping[str, Any] | None) -> str | None:
    try:
        return None if fields is None else json.dumps(fields, default=str)
    except (TypeError, ValueError, RecursionError) as error:
        raise RegionHeadsError(
            f"expected other fields that JSON can hold, found {shown(fields)} ({error}); leave them out"
        ) from None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _refused(problems: Sequence[Problem]) -> RegionHeadsError:
    return RegionHeadsError("; ".join(map(str, problems)))
