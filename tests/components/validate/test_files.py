"""Which files hold records: those that hold none, or answers alone, are told by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from region_heads.errors import RegionHeadsError
from tests.components.validate.conftest import Run, sound_records, write


def test_nothing_to_read_is_reported(tmp_path: Path, warehouse: Path, run: Run) -> None:
    with pytest.raises(RegionHeadsError, match=r"no such file or folder; name your data set, or set data\.path"):
        run(tmp_path / "nowhere")
    with pytest.raises(RegionHeadsError, match=r"expected annotation files that match '\*\.parquet', found none"):
        run(warehouse, data={"annotations": "*.parquet"})
    (warehouse / "train.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RegionHeadsError, match=r"the annotation files hold no records"):
        run(warehouse)


def test_empty_lists_of_records_are_reported_in_one_sentence(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (warehouse / "val.json").write_text("[]")
    run(warehouse)
    assert "warning: val.json holds no records" in capsys.readouterr().out
    (warehouse / "train.json").write_text("\n [ ] \n")
    with pytest.raises(RegionHeadsError, match="the gate stops the line: the annotation files hold no records\n"):
        run(warehouse, pages=True)
    told = capsys.readouterr().out
    assert "train.json holds no records" in told and "val.json holds no records" in told
    assert "expect_" not in told
    page = warehouse.parent / "out" / "data_docs" / "index.html"
    assert "No record was accepted" in page.read_text()


def test_a_table_of_which_nothing_was_accepted_makes_no_false_alarms(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write(warehouse, [{"a": 1}, {"b": 2}])
    with pytest.raises(RegionHeadsError, match=r"0 of 2 records were accepted"):
        run(warehouse, expectations=True)
    assert "expect_" not in capsys.readouterr().out


ANSWERS = [{"id": one["id"], "normalized_answer": one["normalized_answer"]} for one in sound_records()]


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "answers.json": ANSWERS,
        "train_answers.json": {one["id"]: one["normalized_answer"] for one in ANSWERS},
        "val_answers.jsonl": {one["id"]: one for one in ANSWERS},
        "numbers.json": {"7": "2.50", "8": 3, "9": "left"},
    }.items(),
)
def test_an_answers_file_beside_the_annotations_is_left_out_and_reported(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str], name: str, content: Any
) -> None:
    (warehouse / name).write_text(json.dumps(content))
    outputs = run(warehouse, max_rejected_share=0.0)
    assert outputs.result == {"read": 8, "accepted": 8, "quarantined": 0}
    assert outputs.report["answers_left_out"] == [name]
    assert f"warning: {name} holds answers and no questions: left out" in " ".join(capsys.readouterr().out.split())


def test_what_is_asked_or_called_like_a_split_is_no_answers_file(warehouse: Path, run: Run) -> None:
    (warehouse / "val.json").write_text(json.dumps(ANSWERS))
    (warehouse / "more.json").write_text(json.dumps([*ANSWERS, {"question": "<mask>?", "normalized_answer": 1}]))
    with pytest.raises(RegionHeadsError) as told:
        run(warehouse, max_rejected_share=1.0)
    for name, count in {"val.json": 8, "more.json": 9}.items():
        assert f"{name}: none of its {count} records was accepted" in str(told.value)


@pytest.mark.parametrize(
    ("content", "told"),
    {
        "{{{{": r"val.json: none of its 1 records was accepted",
        "[" + '{"id": BAD}, ' * 3: r"val.json: none of its 4 records was accepted",
        "": r"val.json: not readable: an empty file; get the file again",
        " \n\n": r"val.json: not readable: an empty file",
        '{"annotations": [], "info": 1}': r"expected a record .*found an object with 'annotations', 'info'",
        '{"name": "warehouse", "version": "1.0"}': r"found an object with 'name', 'version'; write a list of records",
        None: r"val.json: expected an annotation file, found a link to nothing; mend or remove it",
    }.items(),
)
def test_a_file_that_yields_no_record_stops_the_gate_by_its_name(
    warehouse: Path, run: Run, content: str | None, told: str
) -> None:
    """Whatever share of the records may be rejected: a whole split would be missing without a word."""
    if content is None:
        (warehouse / "val.json").symlink_to("nowhere.json")
    else:
        (warehouse / "val.json").write_text(content)
    with pytest.raises(RegionHeadsError, match=told):
        run(warehouse, max_rejected_share=1.0)


def test_answers_alone_are_reported_as_such(warehouse: Path, run: Run) -> None:
    (warehouse / "train.json").rename(warehouse / "train.txt")
    (warehouse / "answers.json").write_text(json.dumps(ANSWERS))
    with pytest.raises(RegionHeadsError, match=r"answers.json: expected records, found answers without questions"):
        run(warehouse)


def test_the_file_that_has_most_of_a_fault_is_blamed(warehouse: Path, run: Run) -> None:
    """Not the first one that has it, nor a split whose ids a copy of it under another name holds as well."""
    records = sound_records()
    del records[0]["image"]
    write(warehouse, records)
    (warehouse / "wrong.json").write_text(json.dumps([{"id": f"w{number}"} for number in range(9)]))
    (warehouse / "copy.json").write_text(json.dumps(sound_records()))
    with pytest.raises(RegionHeadsError) as told:
        run(warehouse, data={"images": "train/images/{image}", "depths": ""}, max_rejected_share=0.1)
    message = str(told.value)
    assert "10 x schema, e.g. wrong.json, line 1, record 1: image: expected this field" in message
    assert "7 x duplicate_id, e.g. copy.json" in message
    assert "wrong.json: none of its 9 records was accepted; mend it, or leave it out by data.annotations" in message
