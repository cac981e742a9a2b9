"""Records and files that are not as they should be: each is quarantined with its reason, and costs only itself."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from tests.components.validate.conftest import HEIGHT, WIDTH, Run, rle, sound_records, spoilt, write

EMPTY = {
    "size": [HEIGHT, WIDTH],
    "counts": coco.encode(np.zeros((HEIGHT, WIDTH), np.uint8, order="F"))["counts"].decode(),
}


BROKEN = {"size": [HEIGHT, WIDTH], "counts": "not a mask!"}


TWO = [rle(8), rle(20)]


BAD: dict[str, tuple[dict[str, Any], str, str, str, str]] = {
    # name: (changed fields, check, field, expected, found)
    "fewer masks than <mask>": ({"rle": [rle(8)]}, "mask_count", "rle", "2 regions, one for each <mask>", "1"),
    "more masks than <mask>": ({"rle": [*TWO, rle(32)]}, "mask_count", "rle", "2 regions", "3"),
    "a broken RLE": ({"rle": [rle(8), BROKEN]}, "rle", "rle.1", "", ""),
    "an empty RLE": ({"rle": [rle(8), EMPTY]}, "rle", "rle.1", "a mask with at least one pixel", "an empty one"),
    "an RLE of another size": (
        {"rle": [rle(8), rle(8, height=60)]}, "rle_size", "rle.1.size", f"[{HEIGHT}, {WIDTH}]", f"[60, {WIDTH}]",
    ),
    "an RLE of ten thousand million pixels": (
        {"rle": [rle(8), rle(8) | {"size": [100_000, 100_000]}]},
        "rle", "rle.1", "at most 100,000,000", "100000 x 100000",
    ),
    "an RLE that runs past its size": (
        {"rle": [rle(8), rle(8) | {"size": [HEIGHT, WIDTH - 1]}]}, "rle", "rle.1", f"add up to {HEIGHT} x {WIDTH - 1}",
        str(HEIGHT * WIDTH),
    ),
    "counts that are not text": ({"rle": [rle(8), rle(8) | {"counts": [1, 2]}]}, "schema", "rle.1.counts", "text", "["),
    "a missing picture": ({"image": "nobody.png"}, "image_missing", "image", "train/images/nobody.png", "no such file"),
    "a path that climbs out": ({"image": "../../secret.png"}, "image_path", "image", "inside the image folder", ".."),
    "an absolute path": ({"image": "/etc/passwd"}, "image_path", "image", "inside the image folder", "/etc/passwd"),
    "a backslash path": ({"image": "..\\secret.png"}, "image_path", "image", "inside the image folder", "secret"),
    "a NUL in the path": ({"image": "a\x00.png"}, "image_path", "image", "inside the image folder", "x00"),
    "an unknown category": ({"category": "distanse"}, "category", "category", "one of distance", "did you mean"),
    "a side for a distance": ({"normalized_answer": "left"}, "answer", "normalized_answer", "distance from 0", "left"),
    "a count that is no number": (
        {"category": "count", "normalized_answer": "two"}, "answer", "normalized_answer", "a whole count", "two",
    ),
    "a number for a side": (
        {"category": "left_right", "normalized_answer": 3}, "answer", "normalized_answer", '"left" or "right"', "3",
    ),
    "a region that is not asked about": (
        {"category": "mcq", "normalized_answer": "2"}, "answer", "normalized_answer", "a region from 0 to 1", "2",
    ),
    "a negative distance": ({"normalized_answer": -1.0}, "answer", "normalized_answer", "distance from 0", "-1.0"),
    "a distance in another unit": (
        {"normalized_answer": 23000.0}, "expect_column_values_to_be_between(target_distance)", "target_distance",
        "max_value 200", "23000.0",
    ),
    "a boolean answer": ({"normalized_answer": True}, "answer", "normalized_answer", "text or a number", "True"),
    "a list for an answer": ({"normalized_answer": [1]}, "answer", "normalized_answer", "text or a number", "[1]"),
    "a field nearly called as one that is missing": (
        {"intrinsic": {"fx": 50}}, "unknown_field", "intrinsic", "fields of the format", "intrinsics",
    ),
    "a field of another format": ({"regions": []}, "unknown_field", "regions", "one format", "another"),
    "no question": ({"conversations": []}, "schema", "conversations", "", "[]"),
    "a question without a mask": (
        {"conversations": [{"from": "human", "value": "How far?"}], "rle": []},
        "mask_count", "rle", "at least one region", "none",
    ),
    "an id that is a number": ({"id": 1.5}, "schema", "id", "text", "1.5"),
    "an empty id": ({"id": ""}, "schema", "id", "", "''"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_quarantined_whole_with_its_reason(warehouse: Path, run: Run, name: str) -> None:
    changes, check, field, expected, found = BAD[name]
    records = spoilt(**changes)
    write(warehouse, records)
    outputs = run(warehouse, expectations=check.startswith("expect_"))
    (line,) = outputs.quarantined
    assert line["content"] == records[0]
    assert (line["file"], line["record"]) == ("train.json", 1)
    reasons = [reason for reason in line["reasons"] if reason["check"] == check and reason["field"] == field]
    assert reasons, line["reasons"]
    assert expected in reasons[0]["expected"]
    assert found in reasons[0]["found"]
    assert reasons[0]["advice"]
    assert reasons[0]["message"].startswith("train.json, line 1, record 1: ")
    assert outputs.result == {"read": 8.0, "accepted": 7.0, "quarantined": 1.0}
    assert outputs.report["reasons"][check] == 1
    assert "r0" not in outputs.records["id"].to_pylist()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_an_answer_that_is_not_finite_is_quarantined(warehouse: Path, run: Run, value: str) -> None:
    text = json.dumps(sound_records()).replace("2.5", value, 1)
    (warehouse / "train.json").write_text(text, encoding="utf-8")
    outputs = run(warehouse)
    (line,) = outputs.quarantined
    assert [reason["check"] for reason in line["reasons"]] == ["answer"]
    assert value in line.get("text", json.dumps(line.get("content")))
    assert outputs.result["accepted"] == 7


def test_only_the_first_of_an_id_is_kept(warehouse: Path, run: Run) -> None:
    records = sound_records()
    records[3]["id"] = "r0"
    write(warehouse, [*records, records[1]])
    outputs = run(warehouse, expectations=True)
    found = [line["reasons"][0]["found"] for line in outputs.quarantined]
    assert found == [
        "'r0', the id of train.json#1, which is a different record",
        "'r1', the id of train.json#2, which is the same record",
    ]


def test_an_id_stands_once_in_all_files(warehouse: Path, run: Run) -> None:
    (warehouse / "val").symlink_to(warehouse / "train")
    first, second, *_ = sound_records()
    (warehouse / "val.json").write_text(json.dumps([first, second | {"id": "new"}]), encoding="utf-8")
    outputs = run(warehouse)
    assert [line["file"] for line in outputs.quarantined] == ["val.json"]
    assert outputs.report["files"] == {"train.json": 8, "val.json": 2}


def test_several_reasons_are_all_reported(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(rle=[rle(8, height=60), EMPTY], category="sideways", normalized_answer=-1))
    (line,) = run(warehouse).quarantined
    assert {reason["check"] for reason in line["reasons"]} == {"rle", "rle_size", "category"}


JSONL_TROUBLE = {
    "a broken line": b'{"id": "x", "image":',
    "two objects in a line": b'{"id": "x"} {"id": "y"}',
    "bytes that are not UTF-8": b'{"id": "\xff\xfe"}',
    "a bare number": b"42",
    "deep nesting": b"[" * 100_000,
    "a huge number": b'{"id": ' + b"9" * 10_000 + b"}",
}


@pytest.mark.parametrize("name", JSONL_TROUBLE)
def test_a_line_that_is_no_record_loses_nothing_and_stops_nothing(warehouse: Path, run: Run, name: str) -> None:
    records = [json.dumps(record).encode() for record in sound_records()]
    trouble = JSONL_TROUBLE[name]
    (warehouse / "train.json").unlink()
    (warehouse / "train.jsonl").write_bytes(b"\n".join([*records[:4], trouble, *records[4:]]) + b"\n")
    outputs = run(warehouse)
    (line,) = outputs.quarantined
    assert line["record"] == 5
    kept = line["text"] if "text" in line else json.dumps(line["content"])
    assert kept.encode(errors="surrogateescape") == trouble
    assert outputs.result == {"read": 9.0, "accepted": 8.0, "quarantined": 1.0}


def test_one_record_in_another_encoding_costs_only_itself(warehouse: Path, run: Run) -> None:
    """Most of a file is UTF-8, one record was pasted from Latin-1."""
    records = [json.dumps(record, ensure_ascii=False) for record in sound_records()]
    latin = records[2].replace("It is so.", "Auf der Flaeche: \u00e4").encode("latin-1")
    lines = [record.encode() if number != 2 else latin for number, record in enumerate(records)]
    (warehouse / "train.json").write_bytes(b"[\n" + b",\n".join(lines) + b"\n]")
    outputs = run(warehouse)
    (line,) = outputs.quarantined
    assert (line["record"], line["line"]) == (3, 4)
    assert line["reasons"][0]["message"].startswith("train.json, line 4, record 3: ")
    assert line["text"].encode(errors="surrogateescape") == latin
    assert outputs.result["accepted"] == 7


@pytest.mark.parametrize("field", ["freeform_answer", "id", "image"])
def test_half_a_character_is_reported_by_its_field(warehouse: Path, run: Run, field: str) -> None:
    write(warehouse, spoilt(**{field: "It is \ud83d so."}))
    (line,) = run(warehouse).quarantined
    reason = next(reason for reason in line["reasons"] if "valid Unicode" in reason["expected"])
    assert (reason["field"], reason["found"]) == (field, r"'It is \ud83d so.'")
    assert r"\ud83d" in line["text"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_a_file_that_says_how_it_is_encoded_is_read(warehouse: Path, run: Run, encoding: str) -> None:
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    (warehouse / "train.json").write_bytes(mark + json.dumps(sound_records()).encode(encoding))
    assert run(warehouse, max_rejected_share=0.0).result["accepted"] == 8


def test_text_that_never_ends_comes_out_in_pieces_and_is_counted(
    warehouse: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("json_list", "reading", "json_text"):
        monkeypatch.setattr(f"region_heads.formats.{module}.LONGEST_RECORD", 5000)
    monkeypatch.setattr("region_heads.quality.validation.quarantine.LONGEST_RECORD", 5000)
    monkeypatch.setattr("region_heads.formats.json_list._CHUNK", 1000)
    text = json.dumps(sound_records())
    (warehouse / "train.json").write_text(text[:-1] + ', {"id": "' + "x" * 40_000, encoding="utf-8")
    outputs = run(warehouse)
    assert outputs.result["accepted"] == 8
    assert outputs.result["quarantined"] == len(outputs.quarantined) > 5
    assert "without an end" in outputs.quarantined[0]["reasons"][0]["found"]
    assert sum(line.get("text_length", len(line.get("text", ""))) for line in outputs.quarantined) >= 40_000


def test_a_list_that_was_cut_keeps_what_is_whole(warehouse: Path, run: Run) -> None:
    text = json.dumps(sound_records())
    (warehouse / "train.json").write_text(text[: len(text) - 300], encoding="utf-8")
    outputs = run(warehouse)
    assert outputs.result["accepted"] == 7
    assert outputs.quarantined[0]["reasons"][0]["check"] == "broken_json"
    assert outputs.quarantined[0]["text"].startswith('{"id": "r7"')


def test_the_flat_format_is_read_too(warehouse: Path, run: Run) -> None:
    image = "000000.png"
    rows = [
        {"question": "How far is <mask> from <mask>?", "image": image, "regions": TWO, "distance_label": 3.25},
        {"question": "Which side of <mask> is <mask>?", "image": image, "regions": TWO, "direction": "right"},
        {"question": "Which of <mask> <mask> is left?", "image": image, "regions": TWO, "selected_region_idx": 1},
        {"question": "How many <mask> are in <mask>?", "image": image, "regions": [[8, 9, 16, 20], rle(8)], "count": 1},
        {"question": "How far is <mask> from <mask>?", "image": image, "regions": TWO},
        {"question": "How far is <mask>?", "image": image, "regions": [rle(8)], "distance_label": 1.0, "count": 2},
    ]
    (warehouse / "train.json").unlink()
    (warehouse / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    outputs = run(warehouse, expectations=True)
    table = outputs.records.to_pylist()
    assert [row["category"] for row in table] == ["distance", "left_right", "mcq", "count", None]
    assert [row["answer"] for row in table] == ["3.25", '"right"', "1", "1", None]
    assert len({row["id"] for row in table}) == 5
    (line,) = outputs.quarantined
    assert "distance_label, count" in line["reasons"][0]["found"]
    assert outputs.report["unanswered"] == 1
