"""Corrected questions go where those of their ids stand; several files are one export."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command, Result
from tests.interop.conftest import HEIGHT, WIDTH, draw, lines

BOX = {"xyxy": [8, 10, 16, 20]}
ASKED = {"image": "hall.jpg", "question": "How many are in <mask>?", "regions": [BOX]}


def brought(command: Command, folder: Path, *words: str, rows: list[dict[str, Any]], name: str = "rows") -> Result:
    draw(folder / "in")
    file = folder / "in" / f"{name}.jsonl"
    file.write_text("".join(json.dumps(ASKED | row) + "\n" for row in rows))
    return command("import", file, folder / "out", "--from", "table", "--no-page", *words)


def test_a_correction_replaces_label_and_regions_and_nothing_else(command: Command, tmp_path: Path) -> None:
    rows = [{"id": "a", "answer": 2, "freeform_answer": "Two.", "note": "by Ann"}, {"id": "b", "answer": 3}]
    assert brought(command, tmp_path, rows=rows, name="test").code == 0
    before = lines(tmp_path / "out")
    moved = {"id": "a", "answer": 1, "regions": [{"xyxy": [30, 10, 38, 20]}], "question": "How many in <mask>?"}
    done = brought(command, tmp_path, "--correct", rows=[moved], name="corrected")
    assert done.code == 0, done.err
    assert "1 of them have another answer than before" in done.out
    after = lines(tmp_path / "out")
    assert (tmp_path / "out" / "test.jsonl").is_file()
    assert after[1] == before[1]
    assert {name: after[0][name] for name in ("answer", "note", "question", "regions")} == {
        "answer": 1, "note": "by Ann", "question": ASKED["question"], "regions": moved["regions"],
    }  # fmt: skip
    assert "freeform_answer" not in after[0]


def test_a_correction_of_a_question_that_is_not_there_changes_nothing(command: Command, tmp_path: Path) -> None:
    brought(command, tmp_path, rows=[{"id": "a", "answer": 2}])
    before = (tmp_path / "out" / "questions.jsonl").read_text()
    done = brought(command, tmp_path, "--correct", rows=[{"id": "a", "answer": 5}, {"id": "c", "answer": 1}])
    assert (done.code, "found 1 of 2 without one, e.g. 'c'; name the data set that was asked" in done.err) == (1, True)
    assert (tmp_path / "out" / "questions.jsonl").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_there_must_be_something_to_correct(command: Command, tmp_path: Path) -> None:
    done = brought(command, tmp_path, "--correct", rows=[{"answer": 2}])
    assert (done.code, "out: expected a data set to correct, found none" in done.err) == (1, True)


def test_several_files_are_one_export(command: Command, tmp_path: Path) -> None:
    """As the shell writes out ``in/*.jsonl``."""
    draw(tmp_path / "in")
    for name in ("train_one", "train_two", "val"):
        (tmp_path / "in" / f"{name}.jsonl").write_text(json.dumps(ASKED | {"answer": 2}) + "\n")
    files = sorted((tmp_path / "in").glob("*.jsonl"))
    done = command("import", *files, files[0], tmp_path / "out", "--from", "table", "--no-page")
    assert done.code == 0, done.err
    assert "3 questions (2 train, 1 val)" in done.out
    assert len({row["id"] for row in lines(tmp_path / "out")}) == 3


def test_only_what_a_person_annotated_is_corrected(command: Command, tmp_path: Path) -> None:
    """Not the model's proposals, nor a task that was skipped: regions that came back are whole pixels."""
    exact = [{"xyxy": [8.3, 10.6, 15.2, 19.9]}]
    rows = [{"id": name, "answer": 2, "regions": exact} for name in ("asked", "skipped", "done")]
    assert brought(command, tmp_path, rows=rows).code == 0
    before = lines(tmp_path / "out")
    value = {"x": 12.5, "y": 25, "width": 12.5, "height": 25, "rotation": 0, "rectanglelabels": ["Region 0"]}
    drawn = {"type": "rectanglelabels", "original_width": WIDTH, "original_height": HEIGHT, "value": value}
    proposal = {"result": [drawn, {"type": "number", "from_name": "number", "value": {"number": 5}}]}
    tasks = [
        {"data": {"image": row["image"], "record": ASKED | {"id": row["id"], "answer": 2}}, "predictions": [proposal]}
        for row in before
    ]
    tasks[1]["annotations"] = [proposal | {"was_cancelled": True}]
    tasks[2]["annotations"] = [proposal]
    export = tmp_path / "export.json"
    words = ("import", export, tmp_path / "out", "--from", "label-studio", "--no-page", "--correct")
    export.write_text(json.dumps(tasks))
    done = command(*words)
    assert done.code == 0, done.err
    assert "1 of them have another answer than before" in done.out
    assert "2 more that nobody annotated, which stay as they are" in done.out
    after = lines(tmp_path / "out")
    assert after[:2] == before[:2]
    assert after[2]["answer"] == 5
    export.write_text(json.dumps(tasks[:2]))
    assert "expected questions, found 2 that nobody annotated, and no other" in command(*words).err


def test_the_data_set_may_be_the_current_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought(command, tmp_path, rows=[{"id": 1, "answer": 2}])
    (tmp_path / "in" / "rows.jsonl").write_text(json.dumps(ASKED | {"id": "1", "answer": 3}))
    monkeypatch.chdir(tmp_path / "out")
    done = command("import", "../in/rows.jsonl", ".", "--from", "table", "--no-page", "--correct")
    assert (done.code, done.err) == (0, "")
    assert [row["answer"] for row in lines(tmp_path / "out")] == [3]


@pytest.mark.parametrize(("line", "found"), [("[1, 2]", "[1, 2]"), ("5", "5"), ("null", "None"), ("{", "Expecting")])
def test_a_line_that_is_no_record_is_named(command: Command, tmp_path: Path, line: str, found: str) -> None:
    brought(command, tmp_path, rows=[{"id": "a", "answer": 2}])
    with (tmp_path / "out" / "questions.jsonl").open("a") as file:
        file.write("\n" + line + "\n")
    done = brought(command, tmp_path, "--correct", rows=[{"id": "a", "answer": 1}])
    assert (done.code, f"questions.jsonl, line 3: expected a record, found {found}" in done.err) == (1, True), done.err
    assert '"answer": 2' in (tmp_path / "out" / "questions.jsonl").read_text()


def test_ids_of_the_data_set_may_be_numbers_or_none_at_all(command: Command, tmp_path: Path) -> None:
    brought(command, tmp_path, rows=[{"id": "1", "answer": 2}])
    file = tmp_path / "out" / "questions.jsonl"
    row = lines(tmp_path / "out")[0]
    file.write_text("".join(json.dumps(row | {"id": other}) + "\n" for other in (1, ["1"], None)))
    done = brought(command, tmp_path, "--correct", rows=[{"id": "1", "answer": 3}])
    assert done.code == 0, done.err
    assert [(one["id"], one["answer"]) for one in lines(tmp_path / "out")] == [(1, 3), (["1"], 2), (None, 2)]


def test_a_line_ends_only_where_json_lines_end(command: Command, tmp_path: Path) -> None:
    """Texts may hold what Python takes for the end of a line, too."""
    row = {"id": "a", "question": "How many\u2028are\u2029in\x85<mask>?"}
    draw(tmp_path / "in")
    (tmp_path / "in" / "rows.jsonl").write_text(json.dumps(ASKED | row | {"answer": 2}))
    done = command("import", tmp_path / "in" / "rows.jsonl", tmp_path / "out", "--from", "table")
    assert done.code == 0, done.err
    done = brought(command, tmp_path, "--correct", rows=[row | {"answer": 1}])
    assert done.code == 0, done.err
    (after,) = map(json.loads, (tmp_path / "out" / "questions.jsonl").open())
    assert (after["question"], after["answer"]) == (row["question"], 1)


def test_what_an_earlier_correction_refused_does_not_stay(command: Command, tmp_path: Path) -> None:
    brought(command, tmp_path, rows=[{"id": "a", "answer": 2}])
    refused = tmp_path / "out" / "import" / "corrected" / "refused.jsonl"
    broken = {"id": "b", "answer": 2, "image": "none.jpg"}
    done = brought(command, tmp_path, "--correct", "--partial", rows=[{"id": "a", "answer": 1}, broken])
    assert (done.code, refused.is_file()) == (0, True), done.err
    assert brought(command, tmp_path, "--correct", rows=[{"id": "a", "answer": 3}]).code == 0
    assert not refused.exists()


def test_exports_far_apart_need_the_folder_of_their_pictures(command: Command, tmp_path: Path) -> None:
    """Else all that lies around both would be searched: of two homes, the whole machine."""
    draw(tmp_path / "one" / "in")
    files = [tmp_path / "one" / "in" / "a.jsonl", tmp_path / "two" / "deep" / "b.jsonl"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(ASKED | {"answer": 2}))
    words = ("import", *files, tmp_path / "out", "--from", "table", "--no-page")
    done = command(*words)
    assert (done.code, "name the folder of their pictures by --pictures" in done.err) == (1, True)
    assert command(*words, "--pictures", tmp_path / "one").code == 0
