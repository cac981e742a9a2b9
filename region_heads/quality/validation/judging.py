"""Raw records to rows of the record table, or to the reasons why not."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from region_heads.formats.candidate import Candidate
from region_heads.formats.checks import content_problems, mask_problems
from region_heads.formats.lens import given_field_of_view
from region_heads.formats.parsing import parse_record
from region_heads.formats.problem import Problem
from region_heads.formats.reading import Raw
from region_heads.formats.regions import size_problems, with_counts
from region_heads.picture_file import Shape, depth_problem
from region_heads.quality.validation.flat_table import FLAT_SCHEMA, flat_row
from region_heads.quality.validation.layout import Layout, Place
from region_heads.quality.validation.pictures import Seen
from region_heads.quality.validation.sources import Source
from region_heads.records import RECORD_SCHEMA
from region_heads.rle import areas


@dataclass(frozen=True)
class Chunk:
    """Records that follow each other in a file, and what lies where their pictures should.

    Attributes:
        seen: None when the data set comes without pictures; sizes then come from the masks.
    """

    source: Source
    raws: list[Raw]
    seen: Mapping[Place, Seen | Problem] | None


@dataclass(frozen=True)
class Verdicts:
    """What became of a chunk's records; each stands either in ``places`` or in ``problems``.

    Attributes:
        rows: The accepted records (``RECORD_SCHEMA``).
        flat: Their flat rows (``FLAT_SCHEMA``).
        places: Where in the chunk each accepted record stands.
        digests: Of each accepted record's content.
        problems: By place in the chunk.
    """

    rows: pa.RecordBatch
    flat: pa.RecordBatch
    places: list[int]
    digests: list[bytes]
    problems: dict[int, list[Problem]]


@dataclass(frozen=True)
class _Read:
    candidate: Candidate | None
    problems: list[Problem]
    image: Place | None = None
    depth: Place | None = None


@dataclass(frozen=True)
class Judge:
    """Judges records by themselves; that an id stands only once is for others to see.

    Its result depends on the chunk alone, so chunks can be judged in other processes.
    """

    layout: Layout

    def __call__(self, chunk: Chunk) -> Verdicts:
        """Every record of the chunk."""
        read = [self._read(chunk, parsed(raw)) for raw in chunk.raws]
        found = iter(areas(list(_masks(read))))
        rows, flat, places, digests, problems = [], [], [], [], {}
        for place, (raw, one) in enumerate(zip(chunk.raws, read, strict=True)):
            row = _row(chunk, raw, one, found)
            if isinstance(row, list):
                problems[place] = row
                continue
            rows.append(row)
            flat.append(flat_row(row, file=chunk.source.name, record=raw.number))
            places.append(place)
            digests.append(_digest(raw))
        return Verdicts(
            rows=pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA),
            flat=pa.RecordBatch.from_pylist(flat, schema=FLAT_SCHEMA),
            places=places, digests=digests, problems=problems,
        )  # fmt: skip

    def _read(self, chunk: Chunk, candidate: Candidate | list[Problem]) -> _Read:
        if not isinstance(candidate, Candidate):
            return _Read(None, candidate)
        problems = content_problems(candidate)
        split = chunk.source.folder_name
        image = self.layout.image(split, candidate.image)
        if isinstance(image, Problem):
            return _Read(candidate, [*problems, image])
        depth = self.layout.depth(split, candidate.image) if chunk.seen is not None else None
        return _Read(candidate, problems, image, depth)


def parsed(raw: Raw) -> Candidate | list[Problem]:
    """The record in the one checked form, or what is wrong with it."""
    return parse_record(raw.content) if raw.problem is None else [raw.problem]


def _masks(read: Sequence[_Read]) -> Iterator[tuple[object, object]]:
    for one in read:
        for region in one.candidate.regions if one.candidate else ():
            if region.box is None:
                yield region.size, region.counts


def _row(chunk: Chunk, raw: Raw, read: _Read, found: Iterator[int | ValueError]) -> dict[str, Any] | list[Problem]:
    """The row of the record table, or the problems; takes the areas of its masks from ``found``."""
    candidate = read.candidate
    if candidate is None:
        return read.problems
    mask_faults, sizes = mask_problems(candidate, found)
    problems = [*read.problems, *mask_faults]
    if read.image is None:
        return problems
    picture: Shape | None = None
    if chunk.seen is not None:
        picture = _facts(chunk.seen, read.image)
        size = None if picture is None else (picture.height, picture.width)
        problems += _picture_problems(read, chunk.seen)
    else:
        size, unclaimed = _claimed_size(candidate)
        problems += unclaimed
    lens: float | Problem | None = None
    if size is not None:
        lens = given_field_of_view(candidate.field_of_view, candidate.intrinsics, height=size[0], width=size[1])
        problems += [lens] if isinstance(lens, Problem) else []
        problems += size_problems(candidate, size, picture)
        candidate, sizes, box_problems = with_counts(candidate, size, sizes)
        problems += box_problems
    if problems or size is None:
        return problems
    facts, depth = _facts(chunk.seen, read.image), _facts(chunk.seen, read.depth)
    return {
        "id": candidate.id if candidate.id is not None else f"{chunk.source.folder_name}-{raw.number}",
        "source": f"{chunk.source.name}#{raw.number}",
        "source_split": chunk.source.split,
        "image": facts.path if facts else read.image.path,
        "depth": depth.path if depth and depth.metres else None,  # one that knows no depth is none
        "width": size[1],
        "height": size[0],
        "field_of_view": lens,
        "image_hash": facts.hash if facts else None,
        "brightness": facts.brightness if facts else None,
        "contrast": facts.contrast if facts else None,
        **candidate.columns(),
        "rle": [region.counts for region in candidate.regions],
        "mask_areas": sizes,
        "extra": None if candidate.extra is None else json.dumps(candidate.extra),
    }


def _digest(raw: Raw) -> bytes:
    content = json.dumps(raw.content, sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=16).digest()


def _facts(seen: Mapping[Place, Seen | Problem] | None, place: Place | None) -> Seen | None:
    found = None if seen is None or place is None else seen[place]
    return found if isinstance(found, Seen) else None


def _picture_problems(read: _Read, seen: Mapping[Place, Seen | Problem]) -> list[Problem]:
    """What is wrong with the picture and its depth image; that there is no depth image is not wrong."""
    problems = []
    for place in (read.image, read.depth):
        found = None if place is None else seen[place]
        if place is not None and isinstance(found, Problem) and (place.kind, found.check) != ("depth", "missing"):
            check = found.check if found.check == "image_path" else f"{place.kind}_{found.check}"
            advice = _ADVICE if found.check == "missing" else found.advice
            problems.append(replace(found, check=check, field=place.kind, advice=advice))
    picture, depth = _facts(seen, read.image), _facts(seen, read.depth)
    misfit = depth_problem(picture, depth) if picture and depth else None
    return problems if misfit is None else [*problems, Problem("depth_size", "depth", *misfit.details)]


_ADVICE = "add it, set data.images to where they lie, or set validate.images to absent if there are none"


def _claimed_size(candidate: Candidate) -> tuple[tuple[int, int] | None, list[Problem]]:
    """Height and width as the masks claim them, for data sets without pictures."""
    for region in candidate.regions:
        if region.size is None:
            expected, advice = "a mask, since the picture that gives the size is absent", "give a mask or the picture"
            return None, [Problem("rle", region.field, expected, "a box", advice)]
        if len(region.size) == 2:
            return (region.size[0], region.size[1]), []
    return None, []
