"""validate: every record is accepted or quarantined whole with its reasons, and the counts add up."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from components.digests import file_digest
from components.sections import DatasetParams, TrackingParams
from components.validate import checking
from components.validate.params import Params
from components.validate.step import validate
from region_heads.errors import RegionHeadsError
from region_heads.records import RECORD_SCHEMA
from tests.components.validate.conftest import HEIGHT, WIDTH, Run, rle, sound_records, spoilt, write


def test_sound_records_pass_as_they_are(warehouse: Path, run: Run) -> None:
    outputs = run(warehouse, max_rejected_share=0.0)
    table = outputs.records
    assert table.schema.equals(RECORD_SCHEMA)
    assert outputs.quarantined == []
    assert outputs.result == {"read": 8.0, "accepted": 8.0, "quarantined": 0.0}
    first = table.to_pylist()[0]
    assert first["id"] == "r0"
    assert first["source"] == "train.json#1"
    assert first["source_split"] == "train"
    assert first["image"] == "train/images/000000.png"
    assert first["depth"] == "train/depths/000000_depth.png"
    assert (first["height"], first["width"]) == (HEIGHT, WIDTH)
    assert first["question"] == "How far is <mask> from <mask>?"
    assert first["rle"] == [region["counts"] for region in sound_records()[0]["rle"]]
    assert (first["category"], json.loads(first["answer"])) == ("distance", 2.5)
    assert outputs.report["gate"] == {"passed": True, "refusals": []}


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
    "an unknown field": ({"catgory": "distance"}, "unknown_field", "catgory", "fields of the format", "category"),
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
    outputs = run(warehouse)
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
    outputs = run(warehouse)
    found = [line["reasons"][0]["found"] for line in outputs.quarantined]
    assert found == [
        "'r0', the id of train.json#1, which is a different record",
        "'r1', the id of train.json#2, which is the same record",
    ]


def test_an_id_stands_once_in_all_files(warehouse: Path, run: Run) -> None:
    (warehouse / "val").symlink_to(warehouse / "train")
    (warehouse / "val.json").write_text(json.dumps(sound_records()[:1]), encoding="utf-8")
    outputs = run(warehouse)
    assert [line["file"] for line in outputs.quarantined] == ["val.json"]
    assert outputs.report["files"] == {"train.json": 8, "val.json": 1}


def _no_picture(path: Path) -> None:
    path.write_bytes(b"not a picture")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("spoil", [_no_picture, _cut, _empty, _folder, _loop])
@pytest.mark.parametrize(("kind", "name"), [("image", "images/000001.png"), ("depth", "depths/000001_depth.png")])
def test_what_cannot_be_read_to_the_last_pixel_is_quarantined(
    warehouse: Path, run: Run, spoil: Callable[[Path], None], kind: str, name: str
) -> None:
    spoil(warehouse / "train" / name)
    outputs = run(warehouse)
    assert {line["id"] for line in outputs.quarantined} == {"r1", "r4", "r7"}
    for line in outputs.quarantined:
        (reason,) = line["reasons"]
        assert reason["field"] == kind
        assert reason["check"] in (f"{kind}_unreadable", f"{kind}_missing")
        assert name in reason["expected"]


def _bomb(path: Path) -> None:
    """A picture of 121 million pixels in some kilobytes."""
    Image.new("1", (11_000, 11_000)).save(path)


def _large_bomb(path: Path) -> None:
    """One that Pillow refuses by itself."""
    Image.new("1", (20_000, 20_000)).save(path)


def _deep_colour(path: Path) -> None:
    Image.new("I;16", (WIDTH, HEIGHT)).save(path)


def _colour(path: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(path)


@pytest.mark.parametrize(
    ("name", "spoil", "check", "expected", "found"),
    [
        ("images/000001.png", _bomb, "image_unreadable", "at most 100,000,000 pixels", "11000 x 11000"),
        ("images/000001.png", _large_bomb, "image_unreadable", "at most 100,000,000 pixels", "decompression bomb"),
        ("depths/000001_depth.png", _bomb, "depth_unreadable", "at most 100,000,000 pixels", "11000 x 11000"),
        ("images/000001.png", _deep_colour, "image_mode", "colour or grey with 8 bits", "mode I;16"),
        ("depths/000001_depth.png", _colour, "depth_mode", "one channel", "mode RGB"),
    ],
)
def test_pictures_that_are_no_pictures_of_their_kind_are_quarantined(
    warehouse: Path, run: Run, name: str, spoil: Callable[[Path], None], check: str, expected: str, found: str
) -> None:
    spoil(warehouse / "train" / name)
    outputs = run(warehouse)
    assert {line["id"] for line in outputs.quarantined} == {"r1", "r4", "r7"}
    (reason,) = outputs.quarantined[0]["reasons"]
    assert reason["check"] == check
    assert expected in reason["expected"] and f"train/{name}" in reason["expected"]
    assert found in reason["found"]


def test_what_the_pictures_show_stands_in_the_table(warehouse: Path, run: Run) -> None:
    Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255)).save(warehouse / "train" / "images" / "000001.png")
    rows = run(warehouse).records.to_pylist()
    white = next(row for row in rows if row["image"].endswith("000001.png"))
    assert (white["brightness"], white["contrast"]) == (1.0, 0.0)
    assert all(len(row["image_hash"]) == 64 for row in rows)
    assert rows[0]["mask_areas"] == [80, 80]


def test_depth_is_optional_picture_by_picture_and_the_pictures_without_are_told(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (warehouse / "train" / "depths" / "000002_depth.png").unlink()
    outputs = run(warehouse, max_rejected_share=0.0)
    assert {row["image"][-5]: row["depth"] for row in outputs.records.to_pylist()} == {
        "0": "train/depths/000000_depth.png", "1": "train/depths/000001_depth.png", "2": None,
    }  # fmt: skip
    assert (outputs.report["depth"]["with"], outputs.report["depth"]["without"]) == (2, 1)
    assert "pictures without a depth image, whose questions are kept: 1" in " ".join(capsys.readouterr().out.split())


def test_a_pattern_of_depth_images_that_fits_no_picture_closes_the_gate(warehouse: Path, run: Run) -> None:
    wrong = {"depths": "{split}/depth/{stem}.png"}
    with pytest.raises(RegionHeadsError, match=r"none of 3 pictures has a depth image at \{split\}/depth.*to \"\" if"):
        run(warehouse, data=wrong)
    assert run(warehouse, data={"depths": ""}, max_rejected_share=0.0).result["accepted"] == 8


@pytest.mark.parametrize("spoil", ["link", "unreadable"])
def test_a_depth_image_that_cannot_be_read_is_not_taken_for_none(warehouse: Path, run: Run, spoil: str) -> None:
    depth = warehouse / "train" / "depths" / "000002_depth.png"
    depth.unlink()
    depth.symlink_to("nowhere.png") if spoil == "link" else depth.mkdir()
    outputs = run(warehouse)
    assert {line["reasons"][0]["check"] for line in outputs.quarantined} == {"depth_unreadable"}


def test_unknown_depth_and_the_range_of_the_rest_are_told(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    metres = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    blank = warehouse / "train" / "depths" / "000000_depth.png"
    Image.fromarray(metres).save(blank, format="TIFF")
    metres[:24] = np.linspace(2.0, 6.0, WIDTH)
    metres[24] = (np.inf, -1.0, 0.0, 65504.0) * (WIDTH // 4)
    Image.fromarray(metres).save(warehouse / "train" / "depths" / "000001_depth.png", format="TIFF")
    (warehouse / "train" / "depths" / "000002_depth.png").unlink()
    depth = run(warehouse, data={"depth_scale": 1.0}, max_rejected_share=0.0).report["depth"]
    assert depth == {"with": 2, "without": 1, "blank": 1, "unknown_share": 0.75, "metres": [2.0, 6.0]}
    told = " ".join(capsys.readouterr().out.split())
    assert "2.00 to 6.00 m, 75.0% of their pixels unknown" in told
    assert "depth images that know the depth of no pixel: 1" in told


def test_a_depth_image_of_another_size_is_quarantined(warehouse: Path, run: Run) -> None:
    Image.new("I;16", (WIDTH, HEIGHT + 1)).save(warehouse / "train" / "depths" / "000000_depth.png")
    reasons = run(warehouse).quarantined[0]["reasons"]
    assert [(reason["check"], reason["found"]) for reason in reasons] == [("depth_size", f"{WIDTH} x {HEIGHT + 1}")]


def test_a_link_out_of_the_image_folder_is_not_followed(warehouse: Path, run: Run, tmp_path: Path) -> None:
    picture = warehouse / "train" / "images" / "000000.png"
    picture.rename(tmp_path / "elsewhere.png")
    picture.symlink_to(tmp_path / "elsewhere.png")
    outputs = run(warehouse)
    assert {line["reasons"][0]["check"] for line in outputs.quarantined} == {"image_path"}
    assert {line["id"] for line in outputs.quarantined} == {"r0", "r3", "r6"}


def test_several_reasons_are_all_told(warehouse: Path, run: Run) -> None:
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
def test_half_a_character_is_told_by_its_field(warehouse: Path, run: Run, field: str) -> None:
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


def test_a_data_set_without_any_valid_record_is_kept_whole_and_told(warehouse: Path, run: Run, tmp_path: Path) -> None:
    write(warehouse, [record | {"category": "colour"} for record in sound_records()])
    with pytest.raises(
        RegionHeadsError, match=r"8 of 8 records were rejected.*\n  8 x category, e\.g\. train\.json, line"
    ):
        run(warehouse, max_rejected_share=0.5)
    assert len((tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()) == 8
    assert not (tmp_path / "out" / "records.parquet").exists()


def test_any_number_of_processes_gives_the_same_result(
    warehouse: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of one record each, so that they overtake each other."""
    monkeypatch.setattr("components.validate.collecting._CHUNK", 1)
    monkeypatch.setattr("components.validate.checking._SHARE", 1)
    bad = [record | {"id": f"bad{number}", "rle": []} for number, record in enumerate(sound_records())]
    again = sound_records()
    write(warehouse, [one for pair in zip(sound_records(), bad, again, strict=True) for one in pair])
    alone = run(warehouse, workers=1)
    files = {name: (tmp_path / "out" / name).read_bytes() for name in ("records.parquet", "quarantine.jsonl")}
    together = run(warehouse, workers=2)
    assert together.result == alone.result == {"read": 24.0, "accepted": 8.0, "quarantined": 16.0}
    assert files == {name: (tmp_path / "out" / name).read_bytes() for name in files}


def test_what_the_suite_rejects_is_quarantined_as_it_stood_in_its_file(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(normalized_answer=23000.0))
    (warehouse / "val").symlink_to(warehouse / "train")
    others = [record | {"id": f"v{number}"} for number, record in enumerate(sound_records())]
    others[6]["normalized_answer"] = 450.5 if others[6]["category"] == "distance" else others[6]["normalized_answer"]
    others[4]["normalized_answer"] = 450.5
    (warehouse / "val.json").write_text(json.dumps(others, indent=2), encoding="utf-8")
    outputs = run(warehouse)
    assert [(line["file"], line["record"]) for line in outputs.quarantined] == [("train.json", 1), ("val.json", 5)]
    assert outputs.quarantined[1]["content"] == others[4]
    assert outputs.quarantined[1]["reasons"][0]["found"] == "450.5"
    assert outputs.quarantined[1]["line"] > 100
    assert outputs.result == {"read": 16.0, "accepted": 14.0, "quarantined": 2.0}


def test_text_that_never_ends_comes_out_in_pieces_and_is_counted(
    warehouse: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("listing", "reading", "json_text"):
        monkeypatch.setattr(f"region_heads.formats.{module}.LONGEST_RECORD", 5000)
    monkeypatch.setattr("components.validate.quarantine.LONGEST_RECORD", 5000)
    monkeypatch.setattr("region_heads.formats.listing._CHUNK", 1000)
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
    outputs = run(warehouse)
    table = outputs.records.to_pylist()
    assert [row["category"] for row in table] == ["distance", "left_right", "mcq", "count", None]
    assert [row["answer"] for row in table] == ["3.25", '"right"', "1", "1", None]
    assert len({row["id"] for row in table}) == 5
    (line,) = outputs.quarantined
    assert "distance_label, count" in line["reasons"][0]["found"]
    assert outputs.report["unanswered"] == 1


def test_records_without_pictures_take_their_size_from_the_masks(warehouse: Path, run: Run) -> None:
    outputs = run(warehouse / "train.json", images="absent", max_rejected_share=0.0)
    row = outputs.records.to_pylist()[0]
    assert (row["height"], row["width"], row["depth"]) == (HEIGHT, WIDTH, None)


def test_all_pictures_missing_is_answered_with_the_setting_for_it(warehouse: Path, run: Run) -> None:
    for picture in (warehouse / "train" / "images").iterdir():
        picture.unlink()
    with pytest.raises(RegionHeadsError, match=r"validate\.images to absent"):
        run(warehouse, max_rejected_share=0.02)


def test_the_gate_stops_the_line_but_says_why(warehouse: Path, run: Run, tmp_path: Path) -> None:
    run(warehouse)
    write(warehouse, spoilt(normalized_answer=-1.0))
    with pytest.raises(RegionHeadsError, match=r"1 of 8 records were rejected \(12\.5%\).*max_rejected_share"):
        run(warehouse, pages=True, max_rejected_share=0.1)
    out = tmp_path / "out"
    assert not (out / "records.parquet").exists()  # nor the table of the earlier run
    assert json.loads((out / "quarantine.jsonl").read_text())["content"]["normalized_answer"] == -1.0
    assert json.loads((out / "validation.json").read_text())["gate"]["passed"] is False
    assert (out / "data_docs" / "index.html").is_file()


@pytest.mark.parametrize(
    ("gate", "said"),
    [({"min_records": 9}, "min_records asks for 9"), ({"max_category_share": 0.2}, "one category outweighs")],
)
def test_the_gate_counts_records_and_categories(warehouse: Path, run: Run, gate: dict[str, Any], said: str) -> None:
    with pytest.raises(RegionHeadsError, match=said):
        run(warehouse, **gate)


def test_records_without_any_label_pass(warehouse: Path, run: Run) -> None:
    write(warehouse, [record | {"category": None, "normalized_answer": None} for record in sound_records()])
    assert run(warehouse, max_rejected_share=0.0).result["accepted"] == 8


def test_nothing_to_read_is_told(tmp_path: Path, warehouse: Path, run: Run) -> None:
    with pytest.raises(RegionHeadsError, match=r"no such file or folder; set data\.path"):
        run(tmp_path / "nowhere")
    with pytest.raises(RegionHeadsError, match=r"expected annotation files that match '\*\.parquet', found none"):
        run(warehouse, data={"annotations": "*.parquet"})
    (warehouse / "train.json").write_text("", encoding="utf-8")
    with pytest.raises(RegionHeadsError, match=r"the annotation files hold no records"):
        run(warehouse)


def test_pictures_under_two_names_are_told(warehouse: Path, run: Run) -> None:
    images = warehouse / "train" / "images"
    (images / "000001.png").unlink()
    (images / "000001.png").write_bytes((images / "000000.png").read_bytes())
    assert run(warehouse).report["identical_pictures"]["groups"] == 1


class Page(HTMLParser):
    """Visible words and links of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words = ""
        self._hidden = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script")
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.words += "" if self._hidden else data


def test_data_docs_are_read_without_a_network_and_report_no_visit(warehouse: Path, run: Run) -> None:
    folder = run(warehouse, pages=True).folder / "data_docs"
    index = Page(folder / "index.html")
    (found, expected) = [folder / link for link in index.links if link.startswith(("validations/", "expectations/"))]
    assert "target_distance" in Page(found).words
    assert "target_distance" in Page(expected).words
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "great-expectations-web-assets" not in text
        assert "newsletter" not in text
        assert text.count("<style") == text.count("</style>")


def step(warehouse: Path, folder: Path, tracking: TrackingParams, **settings: Any) -> dict[str, float]:
    """The step itself, with MLflow."""
    return validate(
        dataset=warehouse, records=folder / "records.parquet", quarantine=folder / "quarantine.jsonl",
        data_docs=folder / "data_docs", report=folder / "validation.json", data=DatasetParams(),
        validate=Params(**settings), tracking=tracking,
    )  # fmt: skip


def test_report_and_pages_are_mlflow_artifacts_also_when_the_gate_stops_the_line(
    warehouse: Path, tmp_path: Path
) -> None:
    import mlflow

    write(warehouse, spoilt(normalized_answer=-1.0))
    tracking = TrackingParams(uri=f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(RegionHeadsError, match="the gate stops the line"):
        step(warehouse, tmp_path, tracking, max_rejected_share=0.0)
    client = mlflow.MlflowClient(tracking.uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == tracking.experiment]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == {"validate/read": 8, "validate/accepted": 7, "validate/quarantined": 1}
    found = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="validate"))
    assert json.loads((found / "validation.json").read_text())["gate"]["passed"] is False
    judged = json.loads((found / "data_docs" / "checkpoint.json").read_text())["expectations"]
    assert all(one["success"] for one in judged if one["critical"])
    assert (found / "data_docs" / "index.html").is_file()


def test_an_mlflow_that_is_away_stops_no_validation(
    warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    figures = step(warehouse, tmp_path, TrackingParams(uri="http://127.0.0.1:9"))
    assert figures["accepted"] == 8
    assert "not recorded in MLflow" in capsys.readouterr().out


def test_the_pages_name_the_failing_rows_by_file_record_and_id(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(normalized_answer=23000.0))
    folder = run(warehouse, pages=True).folder / "data_docs"
    (page,) = (folder / "validations").rglob("*.html")
    words = " ".join(Page(page).words.split())
    assert "23000" in words
    assert "train.json" in words and "r0" in words


def test_a_data_set_brings_expectations_of_its_own(warehouse: Path, run: Run) -> None:
    (warehouse / "mine.yaml").write_text(
        "- expect_column_values_to_be_between: {column: n_masks, max_value: 2}\n"
        "  severity: critical\n  advice: we ask about pairs\n"
        "- expect_column_median_to_be_between: {column: target_distance, min_value: 5, max_value: 10}\n"
        "  severity: warning\n  advice: our halls are larger\n"
    )
    outputs = run(warehouse, suite="mine.yaml")
    assert outputs.result["quarantined"] == 4, "two choices and two counts have three regions"
    assert {line["reasons"][0]["advice"] for line in outputs.quarantined} == {"we ask about pairs"}
    failed = {one["advice"]: one for one in outputs.report["expectations"]["failed"]}
    assert failed["our halls are larger"]["severity"] == "warning"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"mine.yaml: no such file; validate.suite in params.yaml"),
        ("{", r"mine.yaml, line 1: not readable as YAML"),
        ("severity: critical", r"mine.yaml: expected a list of expectations, found dict"),
        (
            "- expect_column_to_exists: {column: id}",
            r"entry 1: unknown expectation 'expect_column_to_exists'; did you mean",
        ),
        ("- expect_column_to_exist: {colum: id}", r"entry 1: expect_column_to_exist: .*column"),
        ("- expect_column_to_exist: {column: id}\n  severity: fatal", r"severity: expected one of critical, warning"),
        ("- expect_column_to_exist: {column: id}\n  advise: x", r"expected one expectation with severity and advice"),
    ],
)
def test_a_suite_that_is_not_usable_is_told(warehouse: Path, run: Run, content: str | None, said: str) -> None:
    if content is not None:
        (warehouse / "mine.yaml").write_text(content)
    with pytest.raises(RegionHeadsError, match=said):
        run(warehouse, suite="mine.yaml")


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


mangled_files = given(
    st.lists(
        st.tuples(st.sampled_from(["id", "image", "conversations", "rle", "category", "normalized_answer"]), any_json),
        min_size=1,
        max_size=3,
    ),
    st.lists(st.tuples(st.integers(0, 2000), st.text(max_size=3)), max_size=2),
)
shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
Changes = list[tuple[str, Any]]
Mangled = list[tuple[int, str]]


def every_record_is_counted(warehouse: Path, run: Run, changes: Changes, mangled: Mangled) -> None:
    text = "\n".join(json.dumps(record) for record in spoilt(**dict(changes)))
    for place, letters in mangled:
        text = text[:place] + letters + text[place + 1 :]
    (warehouse / "train.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        result = run(warehouse).result
    except RegionHeadsError as error:
        assert "records were accepted" in str(error)
        return
    assert result["read"] == result["accepted"] + result["quarantined"]
    assert result["read"] >= 1


@settings(max_examples=40, deadline=None, suppress_health_check=shared)
@mangled_files
def test_whatever_a_file_holds_every_record_is_counted(
    warehouse: Path, run: Run, monkeypatch: pytest.MonkeyPatch, changes: Changes, mangled: Mangled
) -> None:
    """Without Great Expectations, which takes a second for each file."""
    monkeypatch.setattr(checking, "run_suite", lambda *_: [])
    every_record_is_counted(warehouse, run, changes, mangled)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=shared)
@mangled_files
def test_whatever_a_file_holds_every_record_is_counted_with_the_suite(
    warehouse: Path, run: Run, changes: Changes, mangled: Mangled
) -> None:
    every_record_is_counted(warehouse, run, changes, mangled)


@pytest.mark.parametrize("content", ["[]", "", "\n \n"])
def test_files_without_a_record_are_told_in_one_sentence(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (warehouse / "val.json").write_text(content)
    run(warehouse)
    assert "warning: val.json holds no records" in capsys.readouterr().out
    (warehouse / "train.json").write_text(content)
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
        run(warehouse)
    assert "expect_" not in capsys.readouterr().out


ANSWERS = [{"id": one["id"], "normalized_answer": one["normalized_answer"]} for one in sound_records()]


@pytest.mark.parametrize("name", ["answers.json", "train_answers.json", "val_answers.jsonl"])
def test_an_answers_file_beside_the_annotations_is_left_out_and_told(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (warehouse / name).write_text("\n".join(json.dumps(one) for one in ANSWERS))
    outputs = run(warehouse, max_rejected_share=0.0)
    assert outputs.result == {"read": 8, "accepted": 8, "quarantined": 0}
    assert outputs.report["answers_left_out"] == [name]
    assert f"warning: {name} holds answers and no questions: left out" in " ".join(capsys.readouterr().out.split())


def test_what_is_asked_or_called_like_a_split_is_no_answers_file(warehouse: Path, run: Run) -> None:
    (warehouse / "val.json").write_text(json.dumps(ANSWERS))
    (warehouse / "more.json").write_text(json.dumps([*ANSWERS, {"question": "<mask>?", "normalized_answer": 1}]))
    assert run(warehouse).result == {"read": 25, "accepted": 8, "quarantined": 17}


def test_answers_alone_are_told_as_such(warehouse: Path, run: Run) -> None:
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
    assert "All 9 records of wrong.json; if it is no annotation file, leave it out by data.annotations" in message


def test_the_report_names_the_records_that_it_let_through_wherever_they_lie(
    run: Run, warehouse: Path, tmp_path: Path
) -> None:
    outputs = run(warehouse)
    digest = outputs.report["records_digest"]
    assert digest == file_digest(outputs.folder / "records.parquet")
    assert run(warehouse.rename(tmp_path / "elsewhere")).report["records_digest"] == digest
    write(tmp_path / "elsewhere", spoilt(normalized_answer=2.25))
    assert run(tmp_path / "elsewhere").report["records_digest"] not in (None, digest)
    with pytest.raises(RegionHeadsError):
        run(tmp_path / "elsewhere", min_records=100)
    assert outputs.report["records_digest"] is None
