"""A page of questions with their regions, to see at a glance whether data was understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from region_heads.picture_file import shape_of
from region_heads.records import MASK_TOKEN
from region_heads.report.gallery import picture
from region_heads.report.html import fill
from region_heads.report.outlines import Outline, outline
from region_heads.rle import box_counts

_WIDTH, _QUALITY = 640, 80


@dataclass(frozen=True)
class _Card:
    src: str
    width: int
    height: int
    regions: list[Outline]
    words: list[str]  # of the question, between its regions
    facts: dict[str, str]


def render(title: str, *, facts: Sequence[str], records: Sequence[dict[str, Any]], folder: Path) -> str:
    """The page as HTML; all text is escaped.

    Args:
        facts: What is said of the whole.
        records: Sound flat records.
        folder: That their pictures lie in.
    """
    cards = [_card(record, folder / record["image"]) for record in records]
    return fill("questions.html.j2", title=title, facts=facts, warnings=[], cards=cards)


def _card(record: dict[str, Any], path: Path) -> _Card:
    src, width, height = picture(path, _WIDTH, _QUALITY)
    shape = shape_of(path)
    drawn = [
        outline(_counts(region, shape.height, shape.width), width=shape.width, height=shape.height, to_width=width)
        for region in record["regions"]
    ]
    facts = {
        "task": record.get("category") or "as its words say",
        "answer": "none" if record.get("answer") is None else str(record["answer"]),
        "picture": record["image"],
    }
    return _Card(src, width, height, drawn, record["question"].split(MASK_TOKEN), facts)


def _counts(region: dict[str, Any], height: int, width: int) -> str:
    if "counts" in region:
        return str(region["counts"])
    left, top, right, bottom = region.get("xyxy") or region["xywh"]
    if "xywh" in region:
        right, bottom = left + right, top + bottom
    return box_counts((left, top, right, bottom), height=height, width=width)
