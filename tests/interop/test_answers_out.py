"""A model's answers as a file of other tools: COCO, in which the questions come back as they were, and Parquet."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as masks
from pycocotools.coco import COCO

from region_heads.errors import RegionHeadsError
from region_heads.labelling import coco
from region_heads.labelling.answers import form_of, write
from region_heads.labelling.choices import Form
from region_heads.labelling.entry import Entry, Options
from region_heads.records import PREDICTION_SCHEMA, TAGGED_SCHEMA
from region_heads.rle import box_counts
from region_heads.tasks import Task
from tests.interop.test_round_trip import SIDE, expected, rows, same_regions

SCHEMA = pa.unify_schemas([TAGGED_SCHEMA, PREDICTION_SCHEMA])


def answered(row: dict[str, Any], identity: str = "a1") -> dict[str, Any]:
    """The row with all columns of a question that a model has answered."""
    weights = [0.9] + [0.1] * (len(row["rle"]) - 1)
    areas = [int(masks.area({"size": [SIDE, SIDE], "counts": counts})) for counts in row["rle"]]
    return row | {
        "id": identity, "source": "a#1", "source_split": "", "mask_areas": areas, "task_source": "label",
        "task_confidence": 1.0, "answer_weights": weights, "anchor_weights": weights,
    }  # fmt: skip


def written(rows: list[dict[str, Any]], folder: str) -> Path:
    """The COCO file of these questions."""
    file = Path(folder) / "answers.json"
    write(pa.Table.from_pylist(rows, schema=SCHEMA), Form.COCO, file)
    return file


def read(file: Path) -> list[Entry]:
    """What the importer makes of it, with nothing beside."""
    return list(coco.read([file], Options()))


@settings(max_examples=40)
@given(asked=st.lists(rows(), min_size=1, max_size=3), flat=st.booleans())
def test_questions_come_back_from_coco_as_they_were(asked: list[dict[str, Any]], flat: bool) -> None:
    """Also where another tool has put the attributes beside the other fields, as FiftyOne does."""
    with tempfile.TemporaryDirectory() as folder:
        file = written([answered(row, f"a{number}") for number, row in enumerate(asked)], folder)
        content = json.loads(file.read_text())
        if flat:
            content["annotations"] = [one | one.pop("attributes") for one in reversed(content["annotations"])]
            file.write_text(json.dumps(content))
        records = {entry.record["id"]: entry.record for entry in read(file) if entry.record}
    for number, row in enumerate(asked):
        record, before = records[f"a{number}"], expected(row) | {"id": f"a{number}"}
        assert same_regions(record.pop("regions"), row)
        if "answer" in before:
            task = Task.of(row["task"])
            assert task.parse(record.pop("answer")) == task.parse(before.pop("answer"))
        assert record == before, "a prediction is never taken for an answer"


@settings(max_examples=10)
@given(row=rows())
def test_pycocotools_reads_each_region_with_its_question_and_prediction(row: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = COCO(str(written([answered(row)], folder)))
    (image,) = opened.dataset["images"]
    found = opened.loadAnns(opened.getAnnIds(imgIds=image["id"]))
    assert (image["file_name"], len(found)) == (row["image"], len(row["rle"]))
    for number, (one, counts) in enumerate(zip(found, row["rle"], strict=True)):
        pixels = masks.decode({"size": [SIDE, SIDE], "counts": counts})
        assert (opened.annToMask(one) == pixels).all()
        assert one["bbox"] == masks.toBbox(one["segmentation"]).tolist() and one["area"] == pixels.sum()
        assert opened.cats[one["category_id"]]["name"] == row["task"]
        about = one["attributes"]
        assert (about["question"], about["region"], about["named"]) == (row["question"], number, number == 0)
        assert str(about["prediction"]) == str(json.loads(row["prediction"]))


def question() -> dict[str, Any]:
    """One about two regions."""
    mask = box_counts((1, 1, 6, 6), height=SIDE, width=SIDE)
    return answered({
        "image": "hall.jpg", "height": SIDE, "width": SIDE, "question": "Is <mask> left or right of <mask>?",
        "rle": [mask, mask], "task": "left_right", "category": None, "answer": '"left"', "prediction": '"right"',
        "confidence": 0.5,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"answer": "right"},
            "attributes.answer: expected the same in all annotations of a question, found 'left'",
        ),
        ({"region": "one"}, "attributes.region: expected the number of a region, from 0, found str"),
    ],
)
def test_a_question_that_was_changed_in_one_of_its_annotations_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = written([question()], str(tmp_path))
    content = json.loads(file.read_text())
    content["annotations"][1]["attributes"] |= change
    file.write_text(json.dumps(content))
    (entry,) = read(file)
    assert entry.where == "answers.json, question a1"
    assert str(entry.problems[0]).startswith(said)


def test_the_ending_of_a_file_says_its_form_and_another_is_asked_for(tmp_path: Path) -> None:
    assert form_of(Path("a.parquet"), None) is Form.PARQUET
    assert form_of(Path("a.parquet"), Form.COCO) is Form.COCO
    with pytest.raises(RegionHeadsError, match=r"a\.json: expected a name that ends in .*, found \.json; .* by --to"):
        form_of(Path("a.json"), None)
    write(pa.Table.from_pylist([question()], schema=SCHEMA), Form.PARQUET, tmp_path / "a.parquet")
    assert pq.read_schema(tmp_path / "a.parquet").equals(PREDICTION_SCHEMA)


def test_a_region_that_was_split_into_two_annotations_is_refused(tmp_path: Path) -> None:
    asked = question()
    asked["rle"] = [asked["rle"][0], box_counts((8, 1, 12, 6), height=SIDE, width=SIDE)]
    content = json.loads((file := written([asked], str(tmp_path))).read_text())
    content["annotations"][1]["attributes"]["region"] = 0
    file.write_text(json.dumps(content))
    (entry,) = read(file)
    said = "attributes.region: expected one annotation of each region, found another one of region 0; join their masks"
    assert str(entry.problems[0]).startswith(said)


def test_answers_in_files_of_one_name_are_different_questions(tmp_path: Path) -> None:
    files = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        files.append(written([question()], str(tmp_path / name)))
    assert len(list(coco.read(files, Options()))) == 2
