"""What cannot be read or known is refused by file, record and field, with what to do; nothing is lost in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.interop.conftest import draw, lines

FAR = "How far is the crate <mask> from the table <mask>?"
BOXES = [[8, 10, 8, 10], [30, 10, 8, 10]]


def changed(export: Path, *path: str | int, to: Any) -> None:
    """Changes what stands at ``path`` of the one JSON file of an export."""
    (file,) = (export / "annotations").glob("*") if (export / "annotations").is_dir() else export.glob("*.json")
    content = inner = json.loads(file.read_text())
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    file.write_text(json.dumps(content))


def result(number: int) -> tuple[int | str, ...]:
    """Where a result of the first Label Studio task stands."""
    return (0, "annotations", 0, "result", number)


CASES: dict[str, tuple[str, tuple[Any, ...], Any, tuple[str, ...]]] = {
    # name: (export, where, what, words of the refusal)
    "an annotation of no image": (
        "coco", ("annotations", 0, "image_id"), 99, ("annotations.0", "image_id of one of its images", "export images"),
    ),
    "run lengths of another size": (
        "coco", ("annotations", 1, "segmentation", "counts"), [5, 3],
        ("questions.jsonl, row 1", "annotations.1", "add up to 48 x 64 pixels, found 8", "correct the annotation"),
    ),
    "a polygon of two points": (
        "coco", ("annotations", 2, "segmentation"), [[1, 2, 3, 4]], ("at least three points, found 4 numbers",),
    ),
    "a box that leaves the picture": (
        "coco", ("annotations", 0, "bbox"), [60, 10, 8, 10], ("regions.0", "right <= 64", "[60.0, 10.0, 68.0, 20.0]"),
    ),
    "a picture that is not there": (
        "label_studio", (0, "data", "image"), "/data/upload/7/nobody.jpg",
        ("task 1: image: expected a picture called '/data/upload/7/nobody.jpg'", "found none", "--pictures"),
    ),
    "a turned picture": (
        "label_studio", (*result(1), "image_rotation"), 90, ("task 1: result.1:", "not turned, found a rotation of 90"),
    ),
    "a brushed mask of another picture": (
        "label_studio", (*result(0), "original_width"), 65, ("result.0", "48 x 65 pixels, found 3072 pixels"),
    ),
    "a shape that is no region": (
        "label_studio", (*result(1), "value"), {"keypointlabels": ["Region 0"], "x": 1, "y": 2},
        ("result.1", "expected a rectangle, a polygon or a brushed mask"),
    ),
    "a region that is missing": (
        "label_studio", (*result(1), "value", "rectanglelabels"), ["Region 2"],
        ("one of each Region 0 to 1, found [1, 2]", "label them so"),
    ),
    "an answer that is no number": (
        "label_studio", (*result(2), "value"), {"number": "x"}, ("task 1: answer", "found 'x'"),
    ),
    "two answers": (
        "label_studio", result(2), {"type": "choices", "from_name": "side", "value": {"choices": ["left", "right"]}},
        ("task 1: result: expected one answer, found ['left', 'right']", "take all but one off"),
    ),
    "annotations that differ": (
        "label_studio", (0, "annotations"), [{"result": []}, {"result": [{"type": "number", "value": {"number": 1}}]}],
        ("task 1: annotations: expected one annotation, or several that agree", "as ground truth"),
    ),
    "tasks in the short form": (
        "label_studio", (0,), {"image": "a.jpg", "id": 1}, ("task 1: expected data and annotations", "not as JSON-MIN"),
    ),
    "an answer that is none of its task": (
        "llava", (0, "conversations", 1, "value"), "left", ("record 1: answer: expected a distance", "found 'left'"),
    ),
    "fewer masks than are asked about": (
        "spatialrgpt", (1, "rle"), [], ("record 2: rle: expected 4 regions", "found 0"),
    ),
    "a picture without a name": (
        "spatialrgpt", (0, "filename"), None, ("record 1: image: expected the name of a picture, found nothing",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_record_that_cannot_be_read_is_refused_by_its_place(
    command: Command, export: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    tool, path, value, words = CASES[name]
    folder = export(tool)
    changed(folder, *path, to=value)
    done = command("import", folder, tmp_path / "out", "--from", tool.replace("_", "-"), "--no-page")
    assert done.code == 1
    told = " ".join(done.err.split())
    assert [word for word in words if word not in told] == [], told
    assert not (tmp_path / "out").exists()


def test_what_is_refused_can_be_left_out_and_is_kept(
    command: Command, export: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = export("label_studio")
    changed(folder, 0, "data", "image", to="nobody.jpg")
    done = command("import", folder, tmp_path / "out", "--from", "label-studio", "--no-page", "--partial")
    assert done.code == 0, done.err
    assert "2 questions" in done.out and "refused: 1 x" in done.out
    (refused,) = (tmp_path / "out" / "import" / "refused.jsonl").read_text().splitlines()
    assert json.loads(refused)["content"]["data"]["image"] == "nobody.jpg"
    assert len(lines(tmp_path / "out")) == 2


def table(folder: Path, *rows: dict[str, Any]) -> Path:
    """A table with these rows, beside its pictures."""
    draw(folder)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_bare_boxes_are_refused_until_someone_names_their_order(command: Command, tmp_path: Path) -> None:
    folder = table(tmp_path / "in", {"image": "hall.jpg", "question": FAR, "regions": BOXES})
    done = command("import", folder, tmp_path / "out", "--from", "table", "--no-page")
    assert "rows.jsonl, row 1: regions.0: expected a box whose numbers are named" in done.err
    assert "say by --boxes whether they are xyxy or xywh" in done.err
    assert command("import", folder, tmp_path / "out", "--from", "table", "--no-page", "--boxes", "xywh").code == 0


@pytest.mark.parametrize(
    ("row", "options", "words"),
    [
        ({"image": "hall.jpg", "regions": BOXES}, [], "expected a column of the question, found image, regions; name"),
        ({"image": "hall.jpg", "asks": FAR, "regions": BOXES}, ["--column", "question=ask"], "a column 'ask', found"),
        ({"image": "hall.jpg"}, ["--column", "where=image"], "--column: expected one of id, image, question"),
        ({"image": "hall.jpg", "question": FAR, "regions": ["masks/none.png"] * 2}, [], "expected a picture at"),
        ({"image": "hall.jpg", "question": FAR, "regions": ["../in.png"] * 2}, [], "expected a mask image below"),
        ({"image": "hall.jpg", "question": FAR, "regions": 7}, [], "regions: expected a list of regions"),
    ],
)  # fmt: skip
def test_tables_are_refused_by_column_and_row(
    command: Command, tmp_path: Path, row: dict[str, Any], options: list[str], words: str
) -> None:
    folder = table(tmp_path / "in", row)
    done = command("import", folder, tmp_path / "out", "--from", "table", "--no-page", *options)
    assert (done.code, words in " ".join(done.err.split())) == (1, True), done.err


@pytest.mark.parametrize(
    ("tool", "name", "content", "words"),
    [
        ("coco", "a.json", "[]", "expected COCO's lists images and annotations, found none; is --from right?"),
        ("coco", "a.json", "{", "not readable as JSON"),
        ("cvat", "a.xml", "<annotations><track/></annotations>", "expected CVAT for images 1.1, found tracks"),
        ("cvat", "a.xml", "<annotations>", "not readable as XML"),
        ("cvat", "a.xml", "<html></html>", "expected CVAT's images, found none"),
        ("table", "a.parquet", "PAR", "not readable as a table"),
        ("llava", "a.json", "PK\5\6" + "\0" * 18, "found a zip archive; unpack it, and name its folder"),
        ("llava", "a.txt", "", "expected a file that ends in .json, .jsonl; name the export, or its folder"),
    ],
)
def test_a_file_of_another_form_is_refused_by_its_name(
    command: Command, tmp_path: Path, tool: str, name: str, content: str, words: str
) -> None:
    draw(tmp_path / "in")
    (tmp_path / "in" / name).write_text(content)
    done = command("import", tmp_path / "in", tmp_path / "out", "--from", tool, "--no-page")
    assert (done.code, words in " ".join(done.err.split())) == (1, True), done.err


def test_nothing_is_written_over(command: Command, export: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = command("import", export("coco"), tmp_path / "out", "--from", "coco", "--no-page")
    assert "exists already; remove it, or name another folder" in done.err
