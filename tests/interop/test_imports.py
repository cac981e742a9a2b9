"""An export of each tool becomes the same three questions about the same two regions, which validate accepts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from tests.conftest import Command
from tests.interop.conftest import HEIGHT, WIDTH, Rows

QUESTIONS = [
    "How far is the crate <mask> from the table <mask>?",
    "Is the crate <mask> on the left or the right of the table <mask>?",
    "How far is the crate <mask> from the shelf <mask>?",
]


def counts(left: int) -> str:
    """Compressed counts of a region of 8 x 10 pixels."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    mask[10:20, left : left + 8] = 1
    found: str = coco.encode(mask)["counts"].decode()
    return found


EXPORTS = {
    "label_studio": ["--from", "label-studio"],
    "label_studio_pictures": ["--from", "label-studio"],
    "coco": ["--from", "coco"],
    "cvat": ["--from", "cvat"],
    "llava": ["--from", "llava"],
    "llava_boxes": ["--from", "llava", "--boxes", "xyxy-fraction"],
    "spatialrgpt": ["--from", "spatialrgpt"],
    "table_csv": ["--from", "table", "--boxes", "xywh"],
    "table_masks": ["--from", "table"],
}


@pytest.mark.parametrize("name", EXPORTS)
def test_each_export_is_imported_and_accepted_by_validate(
    command: Command, export: Callable[[str], Path], validated: Callable[[Path], Rows], tmp_path: Path, name: str
) -> None:
    done = command("import", export(name), tmp_path / "out", *EXPORTS[name], "--no-page")
    assert done.code == 0, done.err
    assert "2 pictures, 0 with a depth image" in done.out
    rows = {row["question"]: row for row in validated(tmp_path / "out")}
    assert list(rows) == QUESTIONS
    assert [row["rle"] for row in rows.values()] == [[counts(8), counts(30)]] * 3
    assert [row["answer"] for row in rows.values()] == ["2.5", '"left"', None]
    pictures = [Path(row["image"]).name for row in rows.values()]
    assert pictures == ["kitchen.jpg", "hall.jpg", "hall.jpg"]
    known = {"distance", "left_right"} if name != "spatialrgpt" else {None}
    assert {row["category"] for row in rows.values()} == known
    assert {row["source_split"] for row in rows.values()} == ({"train"} if name in ("coco", "llava") else {""})
