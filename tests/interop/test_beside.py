"""Questions beside an export: several files of COCO, questions that no tool reads, answers that contradict."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest

from region_heads.labelling import coco, label_studio
from region_heads.labelling.entry import Options
from tests.conftest import Command
from tests.interop.conftest import lines

CHOICE = {"type": "choices", "from_name": "side", "value": {"choices": ["left"]}}


def test_captions_and_keypoints_of_the_same_pictures_add_no_pictures(
    command: Command, export: Callable[[str], Path], tmp_path: Path
) -> None:
    """As COCO publishes them: all of a split in one folder, with the same numbers of pictures and persons."""
    folder = export("coco") / "annotations"
    marked = json.loads((folder / "instances_train2017.json").read_text())
    captions = [{"id": 1, "image_id": 11, "caption": "A crate."}]
    (folder / "captions_train2017.json").write_text(json.dumps(marked | {"annotations": captions}))
    (folder / "person_keypoints_train2017.json").write_text(json.dumps(marked))
    done = command("import", folder.parent, tmp_path / "out", "--from", "coco", "--no-page")
    assert done.code == 0, done.err
    assert len(lines(tmp_path / "out")) == 3


def test_an_annotation_of_no_category_has_no_empty_name(export: Callable[[str], Path]) -> None:
    file = export("coco") / "annotations" / "instances_train2017.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"categories": []}))
    (file.parent / "questions.jsonl").write_text(
        json.dumps({"image": "kitchen.jpg", "question": "How many in <mask>?", "regions": [""]})
    )
    (entry,) = coco.read([file], Options(questions=file.parent / "questions.jsonl"))
    assert str(entry.problems[0]).startswith(
        "regions.0: expected one region of kitchen.jpg by its name or number, found ''"
    )


@pytest.mark.parametrize("tool", ["table", "llava", "spatialrgpt"])
def test_questions_are_refused_where_nothing_reads_them(
    command: Command, export: Callable[[str], Path], tmp_path: Path, tool: str
) -> None:
    folder = export("table_masks" if tool == "table" else tool)
    more = ["--questions", folder / "more.csv", "--no-page"]
    done = command("import", folder, tmp_path / "out", "--from", tool, *more)
    assert (done.code, f"--questions: expected none, for {tool} holds its questions itself" in done.err) == (1, True)


@pytest.mark.parametrize("tool", ["cvat", "label_studio"])
def test_questions_inside_and_beside_are_both_read(
    command: Command, export: Callable[[str], Path], tmp_path: Path, tool: str
) -> None:
    folder = export(tool)
    if tool == "label_studio":
        (file,) = folder.glob("*.json")
        tasks = json.loads(file.read_text())
        del tasks[0]["data"]["question"]
        file.write_text(json.dumps(tasks))
    row = {"image": "kitchen.jpg", "question": "How many are in <mask>?", "regions": [0]}
    (tmp_path / "more.jsonl").write_text(json.dumps(row))
    options = ["--questions", tmp_path / "more.jsonl", "--no-page"]
    done = command("import", folder, tmp_path / "out", "--from", tool.replace("_", "-"), *options)
    assert done.code == 0, done.err
    found = [row["question"] for row in lines(tmp_path / "out")]
    assert len(found) >= 3 and row["question"] in found


def answered(export: Path, *results: dict[str, Any]) -> tuple[Any, list[str]]:
    """The answer of the first task with these results in place of its answer, and what is wrong with them."""
    (file,) = export.glob("*.json")
    task = json.loads(file.read_text())[0]
    task["annotations"] = task["annotations"][:1]
    drawn = [one for one in task["annotations"][0]["result"] if "number" not in one["value"]]
    task["annotations"][0]["result"] = [*drawn, *results]
    file.write_text(json.dumps([task]))
    (entry,) = label_studio.read([file], Options(size_of=lambda _image: (48, 64)))
    return (entry.record or {}).get("answer"), [str(one) for one in entry.problems]


def test_two_answers_of_one_control_are_refused(export: Callable[[str], Path]) -> None:
    _, (problem,) = answered(export("label_studio"), CHOICE, CHOICE | {"value": {"choices": ["right"]}})
    assert problem.startswith("result: expected one answer, found side: ['left'], side: ['right']; take all but one")


def test_the_same_answer_twice_is_one(export: Callable[[str], Path]) -> None:
    assert answered(export("label_studio"), CHOICE, CHOICE) == ("left", [])


@pytest.mark.parametrize(
    ("tool", "path", "value", "words"),
    [
        ("label_studio", (0, "data"), {"record": {"question": "How far?"}}, "image: expected the name of a picture"),
        ("label_studio", (0, "data"), None, "task 1: expected data and annotations"),
        ("coco", ("annotations", 0, "image_id"), 99, "annotations.0: expected the image_id of one of its images"),
        ("coco", ("images", 0, "file_name"), None, "images.0: expected id and file_name"),
    ],
)
def test_one_bad_record_does_not_end_an_import(
    command: Command, export: Callable[[str], Path], tmp_path: Path, tool: str, path: Any, value: Any, words: str
) -> None:
    folder = export(tool)
    (file,) = (folder / "annotations").glob("*") if tool == "coco" else folder.glob("*.json")
    content = json.loads(file.read_text())
    *outer, key = path
    reduce(getitem, outer, content)[key] = value
    file.write_text(json.dumps(content))
    done = command("import", folder, tmp_path / "out", "--from", tool.replace("_", "-"), "--no-page", "--partial")
    assert (done.code, len(lines(tmp_path / "out"))) == (0, 2), done.err
    assert words in " ".join(done.out.split())
