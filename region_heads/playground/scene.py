"""What is on the table: a picture, the regions in it that are known, and those that the question is about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError
from region_heads.masks import decode
from region_heads.records import MASK_TOKEN
from region_heads.rle import box_counts


@dataclass(frozen=True)
class Example:
    """A question of the data set about a picture."""

    question: str
    rle: tuple[str, ...]
    truth: str


@dataclass(frozen=True)
class Scene:
    """A picture with the question that is being put together; each change gives a new one.

    Attributes:
        path: The picture's file.
        width, height: Its size in pixels.
        depth: Its depth image's file, None for a picture of one's own.
        field_of_view: Degrees across its width, None where unknown.
        known: Regions of the data set, as COCO compressed counts.
        chosen: Regions that the question is about, in the order of its ``<mask>``.
        corner: First corner of a box that is being marked, None otherwise.
    """

    path: Path
    width: int
    height: int
    depth: Path | None = None
    field_of_view: float | None = None
    known: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    corner: tuple[int, int] | None = None
    examples: tuple[Example, ...] = field(default=(), repr=False)

    def point(self, x: int, y: int) -> Scene:
        """After a click: a known region under it is taken; anywhere else two clicks are the corners of a box."""
        if self.corner is not None:
            return replace(self, corner=None, chosen=(*self.chosen, self._box(self.corner, (x, y))))
        hit = self._smallest_at(x, y)
        if hit is None:
            return replace(self, corner=(x, y))
        return self if hit in self.chosen else replace(self, chosen=(*self.chosen, hit))

    def without_last(self) -> Scene:
        """Without a corner that waits for the other one, else without the region that was chosen last."""
        if self.corner is not None:
            return replace(self, corner=None)
        return replace(self, chosen=self.chosen[:-1])

    def taking(self, example: Example) -> Scene:
        """With the regions of a question of the data set."""
        return replace(self, chosen=example.rle, corner=None)

    def _smallest_at(self, x: int, y: int) -> str | None:
        inside = []
        for counts in self.known:
            mask = decode(counts, height=self.height, width=self.width)
            if mask[y, x]:
                inside.append((int(mask.sum()), counts))
        return min(inside)[1] if inside else None

    def _box(self, one: tuple[int, int], other: tuple[int, int]) -> str:
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(one, other, strict=True))
        right, bottom = max(right, left + 1), max(bottom, top + 1)
        return box_counts((left, top, right, bottom), height=self.height, width=self.width)


def completed(question: str, regions: int) -> str:
    """The question with a ``<mask>`` for each region: missing ones are put at its end, before its question mark."""
    missing = regions - question.count(MASK_TOKEN)
    if missing <= 0:
        return question
    text = question.rstrip()
    end = "?" if text.endswith("?") else ""
    return f"{text.removesuffix('?').rstrip()} {' '.join([MASK_TOKEN] * missing)}{end}".lstrip()


def scenes(questions: Path, dataset: Path) -> dict[str, Scene]:
    """The pictures of a split table, by name, with the regions and questions that it knows about them.

    Raises:
        RegionHeadsError: The table is not readable.
    """
    columns = ["image", "depth", "width", "height", "field_of_view", "question", "rle", "answer"]
    try:
        rows: list[dict[str, Any]] = pq.read_table(questions, columns=columns).to_pylist()
    except Exception as error:  # a missing file, another file, other columns
        raise RegionHeadsError(
            f"{questions}: expected a table that the step split wrote, found none ({type(error).__name__}); "
            "`make run` writes it, and without it bring your own pictures"
        ) from None
    found: dict[str, Scene] = {}
    for row in rows:
        path = dataset / row["image"]
        if row["image"] not in found and not path.is_file():
            continue
        depth = None if row["depth"] is None else dataset / row["depth"]
        scene = found.setdefault(row["image"], Scene(path, row["width"], row["height"], depth, row["field_of_view"]))
        example = Example(row["question"], tuple(row["rle"]), row["answer"] or "unknown")
        found[row["image"]] = replace(
            scene,
            known=tuple(dict.fromkeys((*scene.known, *row["rle"]))),
            examples=(*scene.examples, example),
        )
    return found
