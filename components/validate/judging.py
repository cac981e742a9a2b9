"""Raw records to rows of the record table, or to the reasons why not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from components.validate.pictures import Pictures, Place, Seen
from components.validate.sources import Source
from region_heads.formats.candidate import Candidate, Region
from region_heads.formats.checks import content_problems, mask_problems, told
from region_heads.formats.parsing import parse_record
from region_heads.formats.problem import Problem, shown
from region_heads.formats.reading import Raw
from region_heads.rle import box_counts, check_rle

_BATCH = 512


@dataclass(frozen=True)
class Judged:
    """A record and what became of it.

    Attributes:
        row: The row of the record table; None when there are problems.
        areas: Of the row's masks, in pixels.
    """

    source: Source
    raw: Raw
    problems: list[Problem]
    row: dict[str, Any] | None = None
    areas: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class _Read:
    raw: Raw
    candidate: Candidate | None
    problems: list[Problem]
    areas: list[int]
    image: Place | None = None
    depth: Place | None = None


class Judge:
    """Judges the records of all files; ids may stand only once in all of them.

    Args:
        pictures: None when the data set comes without pictures; sizes then come from the masks.
        places: Knows where a picture would lie, also when it is absent.
    """

    def __init__(self, places: Pictures, *, look: bool) -> None:
        self._pictures = places
        self._look = look
        self._ids: dict[str, tuple[str, str]] = {}  # where it stood first, and a digest of the record

    def judge(self, source: Source, records: Iterable[Raw]) -> Iterator[Judged]:
        """Every record of ``records``, in their order."""
        waiting = iter(records)
        while batch := list(islice(waiting, _BATCH)):
            read = [self._read(source, raw) for raw in batch]
            if self._look:
                self._pictures.look(place for one in read for place in (one.image, one.depth) if place)
            for one in read:
                yield self._judged(source, one)

    def _read(self, source: Source, raw: Raw) -> _Read:
        if raw.problem is not None:
            return _Read(raw, None, [raw.problem], [])
        candidate = parse_record(raw.content)
        if not isinstance(candidate, Candidate):
            return _Read(raw, None, candidate, [])
        problems, areas = mask_problems(candidate)
        problems = [*content_problems(candidate), *problems]
        image = self._pictures.image(source.folder_name, candidate.image)
        if isinstance(image, Problem):
            return _Read(raw, candidate, [*problems, image], areas)
        depth = self._pictures.depth(source.folder_name, candidate.image) if self._look else None
        return _Read(raw, candidate, problems, areas, image, depth)

    def _judged(self, source: Source, read: _Read) -> Judged:
        problems, candidate = list(read.problems), read.candidate
        if candidate is None or read.image is None:
            return Judged(source, read.raw, problems)
        size, picture_problems = self._picture_size(read) if self._look else _claimed_size(candidate)
        problems += picture_problems
        areas = read.areas
        if size is not None:
            problems += _size_problems(candidate, size)
            candidate, areas, box_problems = _with_counts(candidate, size, areas)
            problems += box_problems
        identity = candidate.id if candidate.id is not None else f"{source.folder_name}-{read.raw.number}"
        where = f"{source.name}#{read.raw.number}"
        if not problems:
            problems += self._duplicate(identity, where, read.raw)
        if problems or size is None:
            return Judged(source, read.raw, problems)
        row = {
            "id": identity,
            "source": where,
            "source_split": source.split,
            "image": read.image.path,
            "depth": read.depth.path if read.depth else None,
            "width": size[1],
            "height": size[0],
            "question": candidate.question,
            "rle": [region.counts for region in candidate.regions],
            "category": candidate.category,
            "answer": None if candidate.answer is None else json.dumps(candidate.answer),
            "freeform_answer": candidate.freeform_answer,
        }
        return Judged(source, read.raw, [], row, areas)

    def _picture_size(self, read: _Read) -> tuple[tuple[int, int] | None, list[Problem]]:
        problems: list[Problem] = []
        sizes = {}
        for name, place in (("image", read.image), ("depth", read.depth)):
            if place is not None:
                seen = self._pictures.seen(place)
                if isinstance(seen, Seen):
                    sizes[name] = (seen.height, seen.width)
                else:
                    check = seen.check if seen.check == "image_path" else f"{name}_{seen.check}"
                    problems.append(replace(seen, check=check, field=name, advice=_advice(name, seen)))
        if len(sizes) == 2 and sizes["image"] != sizes["depth"]:
            expected = f"a depth image of the picture's size, {_size(sizes['image'])}"
            problems.append(Problem("depth_size", "depth", expected, _size(sizes["depth"]), "replace the depth image"))
        return sizes.get("image"), problems

    def _duplicate(self, identity: str, where: str, raw: Raw) -> list[Problem]:
        content = json.dumps(raw.content, sort_keys=True).encode()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        first = self._ids.setdefault(identity, (where, digest))
        if first[0] == where:
            return []
        same = "the same record" if first[1] == digest else "a different record"
        found = f"{shown(identity)}, the id of {first[0]}, which is {same}"
        return [Problem("duplicate_id", "id", "an id of its own", found, "remove the record or give it a new id")]


def _advice(name: str, problem: Problem) -> str:
    if problem.check != "missing":
        return problem.advice
    setting = "images" if name == "image" else "depths"
    without = "validate.images to absent" if name == "image" else 'data.depths to ""'
    return f"add it, set data.{setting} to where they lie, or set {without} if there are none"


def _claimed_size(candidate: Candidate) -> tuple[tuple[int, int] | None, list[Problem]]:
    """Height and width as the masks claim them, for data sets without pictures."""
    for region in candidate.regions:
        if region.size is None:
            expected, advice = "a mask, since the picture that gives the size is absent", "give a mask or the picture"
            return None, [Problem("rle", region.field, expected, "a box", advice)]
        if len(region.size) == 2:
            return (region.size[0], region.size[1]), []
    return None, []


def _size_problems(candidate: Candidate, size: tuple[int, int]) -> list[Problem]:
    return [
        Problem(
            "rle_size",
            f"{region.field}.size",
            f"the picture's height and width {list(size)}",
            str(region.size),
            "make the mask for this picture",
        )
        for region in candidate.regions
        if region.size is not None and region.size != list(size)
    ]


def _with_counts(
    candidate: Candidate, size: tuple[int, int], areas: list[int]
) -> tuple[Candidate, list[int], list[Problem]]:
    """Boxes turned into masks."""
    if all(region.box is None for region in candidate.regions):
        return candidate, areas, []
    regions, problems, areas = [], [], []
    height, width = size
    for region in candidate.regions:
        counts = region.counts
        if region.box is not None:
            try:
                counts = box_counts(region.box, height=height, width=width)
                areas.append(check_rle(list(size), counts))
            except ValueError as error:
                problems.append(told("rle", region.field, error, "correct the box: left, top, right, bottom"))
        regions.append(Region(region.field, size=list(size), counts=counts))
    return replace(candidate, regions=regions), areas, problems


def _size(size: tuple[int, int]) -> str:
    return f"{size[1]} x {size[0]}"
