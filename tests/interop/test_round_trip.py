"""Questions out to Label Studio and back again: nothing is lost, and what a person corrects is what comes back."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from region_heads.labelling import label_studio, shapes
from region_heads.labelling.entry import Options
from region_heads.labelling.review import configuration, task_of
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.rle import box_counts
from region_heads.tasks import TASKS, Task
from tests.conftest import Command
from tests.interop.conftest import HEIGHT, WIDTH, draw, lines

SIDE = 12
MASKS = arrays(bool, (SIDE, SIDE)).filter(np.any)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<>\0"), max_size=8)
TARGETS = {
    "distance": st.floats(0, 99), "left_right": st.sampled_from(["left", "right"]),
    "multiple_choice": st.integers(0, 3), "counting": st.integers(0, 9),
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """A question with its prediction."""
    task = draw(st.sampled_from(TASKS))
    masks = draw(st.lists(MASKS, min_size=1, max_size=4))
    answered = draw(st.booleans())
    target = draw(TARGETS[task.name])
    truth = str(target) if task.names_region else target
    extra = draw(st.dictionaries(st.sampled_from(["image_id", "place", "asks"]), WORDS, max_size=2))
    return {
        "id": draw(st.sampled_from(["a1", "7"])), "image": "images/a b/ü.jpg", "height": SIDE, "width": SIDE,
        "question": "".join(f"{draw(WORDS)}<mask>" for _ in masks) + draw(WORDS),
        "rle": [shapes.mask(mask)["counts"] for mask in masks], "task": task.name,
        "category": draw(st.sampled_from([task.category, None])),
        "answer": json.dumps(truth) if answered else None,
        "freeform_answer": draw(st.one_of(st.none(), WORDS)) if answered else None,
        "field_of_view": draw(st.sampled_from([None, 61.5])), "extra": json.dumps(extra) if extra else None,
        "prediction": json.dumps(draw(TARGETS[task.name])), "confidence": 0.5,
    }  # fmt: skip


def back(task: dict[str, Any]) -> dict[str, Any]:
    """The record that an export of this task becomes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.json"
        file.write_text(json.dumps([{"id": 1, **task}]))
        (entry,) = label_studio.read([file], Options(size_of=lambda _image: (SIDE, SIDE)))
    assert entry.record is not None, entry.problems
    return entry.record


def pixels(counts: str) -> bytes:
    """The mask behind run lengths; the same one may be written in several ways."""
    return bytes(coco.decode({"size": [SIDE, SIDE], "counts": counts.encode()}).tobytes())


def same_regions(found: list[dict[str, Any]], row: dict[str, Any]) -> bool:
    """Whether the regions that came back have the pixels of those that went out."""
    came = [
        region["counts"] if "counts" in region else box_counts(tuple(region["xyxy"]), height=SIDE, width=SIDE)
        for region in found
    ]
    return [pixels(counts) for counts in came] == [pixels(counts) for counts in row["rle"]]


def expected(row: dict[str, Any]) -> dict[str, Any]:
    """What of a row a record holds, but for its regions."""
    names = ("id", "image", "question", "category", "freeform_answer", "field_of_view")
    answer = {} if row["answer"] is None else {"answer": json.loads(row["answer"])}
    given = {name: row[name] for name in names if row[name] is not None}
    return given | answer | json.loads(row["extra"] or "{}")


@settings(max_examples=40)
@given(row=rows())
def test_a_task_that_nobody_touched_is_the_question_as_it_was(row: dict[str, Any]) -> None:
    record = back(task_of(row, "https://host/{image}?v=1"))
    assert same_regions(record.pop("regions"), row)
    assert record == expected(row)


@settings(max_examples=40)
@given(row=rows())
def test_what_a_person_accepts_is_the_answer_and_nothing_else_changes(row: dict[str, Any]) -> None:
    task = task_of(row, "/data/local-files/?d={image}")
    record = back(task | {"annotations": task["predictions"], "predictions": []})
    assert same_regions(record.pop("regions"), row)
    kind = Task.of(row["task"])
    accepted = kind.parse(record.pop("answer"))
    assert accepted == kind.parse(json.loads(row["prediction"]))
    before = expected(row)
    if row["answer"] is None or accepted != kind.parse(before.pop("answer")):
        before.pop("freeform_answer", None)
    assert record == before


def test_the_interface_has_a_control_for_whatever_a_task_holds() -> None:
    view = ET.fromstring(configuration(3))
    names = {control.get("name") for control in view}
    assert {"image", "box", "brush", "side", "number"} <= names
    assert [label.get("value") for label in view.iterfind("BrushLabels/Label")] == ["Region 0", "Region 1", "Region 2"]


def test_the_worst_and_most_doubtful_go_out_and_come_back_corrected(command: Command, tmp_path: Path) -> None:
    draw(tmp_path / "mine")
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:20, 8:16] = mask[14, 20] = True
    asked, answers = [], []
    for number, (truth, said, sure) in enumerate(
        [("left", "right", 0.9), ("left", "left", 0.5), ("left", "left", 0.99)]
    ):
        asked.append({
            "id": f"q{number}", "source": f"a#{number}", "source_split": "", "image": "photos/hall.jpg", "width": WIDTH,
            "height": HEIGHT, "question": "Is <mask> left or right of <mask>?", "mask_areas": [81] * 2,
            "rle": [shapes.mask(mask)["counts"]] * 2, "category": "left_right", "answer": json.dumps(truth),
            "task": "left_right", "task_source": "label", "task_confidence": 1.0,
            "target_side": truth, "wording": "", "novel_wording": False,
            "copy": 0,
        })  # fmt: skip
        answers.append({
            "id": f"q{number}", "task": "left_right", "truth": json.dumps(truth), "prediction": json.dumps(said),
            "correct": truth == said, "confidence": sure, "answer_weights": [1.0] * 2, "anchor_weights": [0.0] * 2,
        })  # fmt: skip
    for name, content, schema in (("test", asked, SPLIT_SCHEMA), ("predictions", answers, PREDICTION_SCHEMA)):
        pq.write_table(pa.Table.from_pylist(content, schema=schema), tmp_path / name)
    words = ["--questions", tmp_path / "test", "--predictions", tmp_path / "predictions", "--number", 2]
    done = command("review", tmp_path / "review", *words)
    assert done.code == 0, done.err
    tasks = json.loads((tmp_path / "review" / "tasks.json").read_text())
    assert [task["data"]["record"]["id"] for task in tasks] == ["q0", "q1"]
    assert tasks[0]["data"]["asks"] == "Is [Region 0] left or right of [Region 1]?"
    tasks[0]["annotations"] = tasks[0].pop("predictions")  # the model was right after all
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    done = command(
        "import", tmp_path / "export.json", tmp_path / "out", "--from", "label-studio", "--no-page",
        "--pictures", tmp_path / "mine",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert [(row["id"], row["answer"], row["image"]) for row in lines(tmp_path / "out")] == [
        ("q0", "right", "photos/hall.jpg"), ("q1", "left", "photos/hall.jpg"),
    ]  # fmt: skip
