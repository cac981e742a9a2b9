"""Questions from dictionaries: what they become, what may be an array, and what is refused, by record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from region_heads import RegionDataset, RegionProcessor, question_table
from region_heads.errors import RegionHeadsError
from region_heads.geometry import GEOMETRY_NAMES
from region_heads.masks import decode

BOXES = [[0, 0, 9, 9], [20, 0, 29, 9]]
DISTANCE = {"image": "0.png", "question": "How far is <mask> from <mask>?", "regions": BOXES, "distance_label": 2.5}
PUBLIC = {
    "id": "q7", "image": "1.png", "category": "left_right", "normalized_answer": "left",
    "freeform_answer": "[Region 0] is left of [Region 1].",
    "conversations": [{"from": "human", "value": "<image>\nIs <mask> to the left or to the right of <mask>?"}],
}  # fmt: skip


def mask(left: int, top: int, right: int, bottom: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    inside = np.zeros((54, 96), dtype=bool)
    inside[top:bottom, left:right] = True
    return inside


def test_a_record_becomes_a_question_with_task_target_and_grounding(image_folder: Path) -> None:
    public = PUBLIC | {"rle": [mask(*box) for box in BOXES]}
    first, second = question_table([DISTANCE | {"distance_label": np.float64(2.5)}, public], image_folder).to_pylist()
    assert (first["id"], first["task"], first["target_distance"]) == ("0", "distance", 2.5)
    assert (second["id"], second["task"], second["target_side"]) == ("q7", "left_right", "left")
    assert second["grounding"] == [0, 1]
    assert [decode(counts, height=54, width=96).sum() for counts in second["rle"]] == [81, 81]


def test_boxes_masks_runs_and_tensors_are_the_same_regions(image_folder: Path) -> None:
    (boxes,) = question_table([DISTANCE], image_folder)["rle"].to_pylist()
    masks = [mask(*box) for box in BOXES]
    for regions in (
        np.array(BOXES),
        masks,
        [torch.from_numpy(one) for one in masks],
        [one.astype(np.uint8) * 255 for one in masks],
        [{"size": [54, 96], "counts": counts} for counts in boxes],
    ):
        table = question_table([DISTANCE | {"regions": list(regions)}], image_folder)
        assert table["rle"].to_pylist() == [boxes]


def test_a_question_without_label_and_category_is_read_by_its_words(image_folder: Path) -> None:
    asked = {"image": "0.png", "question": "How many of the boxes <mask> are in the area <mask>?", "regions": BOXES}
    (row,) = question_table([asked], image_folder).to_pylist()
    assert (row["task"], row["target_count"]) == ("counting", None)


def test_a_data_set_reads_the_table_and_asks_for_it(image_folder: Path, built: tuple[Any, RegionProcessor]) -> None:
    records = [DISTANCE | {"depth": "0_depth.png"}]
    question = RegionDataset(question_table(records, image_folder), image_folder, built[1])[0]
    assert question.target == 2.5
    assert [region.geometry[GEOMETRY_NAMES.index("has_depth")] for region in question.regions] == [1, 1]
    with pytest.raises(RegionHeadsError, match=r"make one of dictionaries by region_heads.question_table"):
        RegionDataset(records, image_folder, built[1])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"depth": 3}, "depth: expected the name of a depth image, found 3"),
        ({(1, 2): 3}, "expected a mapping with names of fields, found {"),
        ({"site": {(1, 2): 3}}, "expected other fields that JSON can hold, found {'site': {(1, 2): 3}}"),
        ({"id": "0"}, "id: expected one of its own, found '0' of record 0; give each"),
        ({"image": "none.png"}, "none.png: expected a picture, found no such file"),
        ({"depth": "none.png"}, "none.png: expected a picture, found no such file"),
        ({"regions": BOXES[:1]}, "regions: expected 2 regions, one for each <mask> of the question, found 1"),
        ({"regions": [[0, 0, 9, 9], [90, 0, 99, 9]]}, "regions.1: expected a box 0 <= left < right <= 96"),
        ({"regions": [mask(0, 0, 9, 9), np.zeros((54, 96), bool)]}, "with at least one pixel, found an empty one"),
        ({"regions": [mask(0, 0, 9, 9).T, mask(0, 0, 9, 9)]}, "write the height before the width"),
        ({"regions": [np.full((54, 96), 0.3)] * 2}, "expected a mask of bool, found float64; compare"),
        ({"distance_label": -1}, "distance_label: expected a distance from 0 to 100,000 in metres, found -1"),
        ({"distance_label": None, "question": "Tell me of <mask> and <mask>"}, "expected words of one of the tasks"),
    ],
)
def test_what_is_wrong_is_reported_by_record(image_folder: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(RegionHeadsError) as refused:
        question_table([DISTANCE, DISTANCE | changed], image_folder)
    assert str(refused.value).startswith("record 1: ")
    assert message in str(refused.value)


@pytest.mark.parametrize("record", [None, 7, "q", [DISTANCE]])
def test_what_is_no_mapping_is_refused_in_words(image_folder: Path, record: Any) -> None:
    with pytest.raises(RegionHeadsError, match=r"^record 1: expected a mapping with names of fields, found .*; pass a"):
        question_table([DISTANCE, record], image_folder)


def test_all_bad_records_are_counted_and_no_records_are_an_error(image_folder: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"record 4: .* \(and 2 more\)$"):
        question_table([DISTANCE | {"distance_label": -1}] * 7, image_folder)
    with pytest.raises(RegionHeadsError, match="expected records, found none"):
        question_table([], image_folder)
