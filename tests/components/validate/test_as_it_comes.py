"""Data as it comes: flat records beside their pictures, fields of its own, boxes in either order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from region_heads.errors import RegionHeadsError
from tests.components.validate.conftest import HEIGHT, WIDTH, Run, rle

BOXES = [[8, 10, 16, 20], [30, 10, 38, 20]]
ASKED = {"image": "000000.png", "question": "How far is <mask> from <mask>?", "regions": BOXES}


def flat(**changes: Any) -> dict[str, Any]:
    """A flat record, with these fields changed."""
    return ASKED | {"answer": 2.5, "category": "distance"} | changes


@pytest.fixture
def beside(warehouse: Path) -> Path:
    """The folder with ``questions.jsonl`` to be written, and ``images`` and ``depths`` beside it."""
    (warehouse / "train.json").unlink()
    for kind in ("images", "depths"):
        (warehouse / "train" / kind).rename(warehouse / kind)
    return warehouse


def ask(folder: Path, *records: dict[str, Any]) -> None:
    """Writes ``questions.jsonl``."""
    (folder / "questions.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))


@pytest.mark.parametrize(("folder", "prefix"), [("images", ""), (".", "images/"), (".", "")])
def test_flat_records_beside_their_pictures_are_read(beside: Path, run: Run, folder: str, prefix: str) -> None:
    if not prefix and folder == ".":
        for picture in (beside / "images").iterdir():
            picture.rename(beside / picture.name)
    ask(beside, *(flat(image=f"{prefix}{number:06d}.png") for number in range(3)))
    outputs = run(beside, max_rejected_share=0.0)
    where = "" if folder == "." and not prefix else "images/"
    assert outputs.records["image"].to_pylist() == [f"{where}{number:06d}.png" for number in range(3)]
    found = {"images": "images/{image}" if folder == "images" else "{image}"}
    assert (outputs.report["layout_found"] or {}).items() >= found.items()


def test_depth_images_are_found_beside_them(beside: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for depth in (beside / "depths").iterdir():
        depth.rename(depth.with_name(depth.name.replace("_depth", "")))
    ask(beside, flat())
    assert run(beside).records["depth"].to_pylist() == ["depths/000000.png"]
    assert "found by 'images/{image}', depth images by 'depths/{stem}.png'" in capsys.readouterr().out


def test_where_no_folder_is_called_after_depth_there_is_none(
    beside: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (beside / "depths").rename(beside / "other")
    ask(beside, flat())
    assert run(beside).records["depth"].to_pylist() == [None]
    assert "warning: no depth images" in capsys.readouterr().out
    (beside / "other").rename(beside / "my_depths")
    with pytest.raises(RegionHeadsError, match=r"none of 1 pictures has a depth image.*set data\.depths"):
        run(beside)


def test_pictures_in_two_places_are_not_chosen_between(beside: Path, run: Run) -> None:
    (beside / "000000.png").symlink_to("images/000000.png")
    ask(beside, flat())
    with pytest.raises(RegionHeadsError, match=r"by 'images/\{image\}' and some by '\{image\}'; set data\.images"):
        run(beside)


def test_a_pattern_that_was_set_is_held_to(beside: Path, run: Run) -> None:
    ask(beside, flat())
    with pytest.raises(RegionHeadsError, match=r"expected a picture at pictures/000000\.png"):
        run(beside, data={"images": "pictures/{image}"})


def test_fields_that_no_format_knows_are_kept_with_one_warning(
    beside: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(beside, flat(licence="CC0", place={"hall": 3}), flat(licence="MIT"), ASKED | {"category_id": 7})
    outputs = run(beside, max_rejected_share=0.0)
    kept = [text and json.loads(text) for text in outputs.records["extra"].to_pylist()]
    assert kept == [{"licence": "CC0", "place": {"hall": 3}}, {"licence": "MIT"}, {"category_id": 7}]
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "warning: fields that no format knows, kept in the column extra: licence (2), place (1), category_id (1)"
        in told
    )


@pytest.mark.parametrize(
    ("field", "told"),
    [("anwser", "did you mean 'answer'"), ("distance_lable", "did you mean 'distance_label'"), ("rle", "of another")],
)
def test_what_was_meant_for_a_field_of_the_format_is_not_kept_aside(
    beside: Path, run: Run, field: str, told: str
) -> None:
    """Else a question would lose its answer to a slip of the pen."""
    ask(beside, ASKED | {field: 2.5}, flat())
    (line,) = run(beside).quarantined
    assert [reason["field"] for reason in line["reasons"]] == [field]
    assert told in line["reasons"][0]["message"]


def test_an_answer_may_be_that_of_any_task_and_have_no_category(beside: Path, run: Run) -> None:
    ask(beside, flat(), flat(answer="left", category="left_right"), ASKED | {"answer": 3.5}, ASKED)
    rows = run(beside, max_rejected_share=0.0).records
    assert rows["category"].to_pylist() == ["distance", "left_right", None, None]
    assert rows["answer"].to_pylist() == ["2.5", '"left"', "3.5", None]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (flat(count=2), "the label of one task, found answer, count"),
        (ASKED | {"count": 2, "category": "distance"}, "'count', the category of count, or none, found 'distance'"),
    ],
)
def test_answers_that_contradict_each_other_are_refused(
    beside: Path, run: Run, record: dict[str, Any], told: str
) -> None:
    ask(beside, record, flat())
    (line,) = run(beside).quarantined
    assert told in line["reasons"][0]["message"]


def test_boxes_in_both_orders_are_the_same_region(beside: Path, run: Run) -> None:
    orders = [BOXES, [{"xyxy": box} for box in BOXES], [{"xywh": [8, 10, 8, 10]}, {"xywh": [30, 10, 8, 10]}]]
    ask(beside, *(flat(regions=regions) for regions in orders), flat(regions=[rle(8), rle(30)]))
    counts = run(beside, max_rejected_share=0.0).records["rle"].to_pylist()
    assert all(row == counts[-1] for row in counts)


def test_a_bare_box_in_the_order_of_coco_closes_the_gate(beside: Path, run: Run) -> None:
    """That other records' boxes happen to be possible in either order says nothing."""
    ask(beside, *[flat()] * 9, flat(regions=[[40, 10, 8, 10], BOXES[0]]))
    with pytest.raises(RegionHeadsError) as told:
        run(beside)
    assert "1 of 10 records have a box that ends before it begins" in str(told.value)
    assert "write each box as" in str(told.value)
    assert "box_order" in str(told.value)
    ask(beside, *[flat()] * 9, flat(regions=[{"xyxy": [40, 10, 8, 10]}, BOXES[0]]))
    (line,) = run(beside).quarantined
    assert [(reason["check"], reason["field"]) for reason in line["reasons"]] == [("rle", "regions.0")]


@pytest.mark.parametrize(
    ("region", "field", "told"),
    [
        ([1, 2, 3], "regions.0", "at least 4 items"),
        ({"xywh": [1, 2, 3, "4"]}, "regions.0.xywh.3", "a number"),
        ({"xywh": [1, 2, 3, 4], "xyxy": [1, 2, 3, 4]}, "regions.0.xywh", "only fields of the format"),
        ({"size": [HEIGHT, WIDTH]}, "regions.0.counts", "this field"),
        ("8 10 16 20", "regions.0", "a mask (size, counts) or a box of four numbers"),
    ],
)
def test_a_region_that_is_none_is_refused_by_its_place(
    beside: Path, run: Run, region: Any, field: str, told: str
) -> None:
    ask(beside, flat(regions=[region, BOXES[1]]), flat())
    (line,) = run(beside).quarantined
    (reason,) = line["reasons"]
    assert (reason["field"], told in reason["message"]) == (field, True)
