"""Pictures and depth images as validate reads them: to the last pixel, and no others than those of the data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_heads.errors import RegionHeadsError
from tests.components.validate.conftest import HEIGHT, WIDTH, Run


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


def test_depth_is_optional_picture_by_picture_and_the_pictures_without_are_reported(
    warehouse: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    (warehouse / "train" / "depths" / "000002_depth.png").unlink()
    outputs = run(warehouse, expectations=True, max_rejected_share=0.0)
    assert {row["image"][-5]: row["depth"] for row in outputs.records.to_pylist()} == {
        "0": "train/depths/000000_depth.png", "1": "train/depths/000001_depth.png", "2": None,
    }  # fmt: skip
    assert (outputs.report["depth"]["with"], outputs.report["depth"]["without"]) == (2, 1)
    assert "pictures without a depth image, whose questions are kept: 1" in " ".join(capsys.readouterr().out.split())


def test_a_pattern_of_depth_images_that_fits_no_picture_closes_the_gate(warehouse: Path, run: Run) -> None:
    wrong = {"depths": "{split}/depth/{stem}.png"}
    told = r"none of 3 pictures has a depth image that.*at \{split\}/depth.*to \"\" if"
    with pytest.raises(RegionHeadsError, match=told):
        run(warehouse, data=wrong)
    assert run(warehouse, data={"depths": ""}, max_rejected_share=0.0).result["accepted"] == 8


@pytest.mark.parametrize("spoil", ["link", "unreadable"])
def test_a_depth_image_that_cannot_be_read_is_not_taken_for_none(warehouse: Path, run: Run, spoil: str) -> None:
    depth = warehouse / "train" / "depths" / "000002_depth.png"
    depth.unlink()
    depth.symlink_to("nowhere.png") if spoil == "link" else depth.mkdir()
    outputs = run(warehouse)
    assert {line["reasons"][0]["check"] for line in outputs.quarantined} == {"depth_unreadable"}


def test_unknown_depth_and_the_range_of_the_rest_are_reported(
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


def test_a_depth_image_that_knows_no_depth_is_none(warehouse: Path, run: Run) -> None:
    blank = np.zeros((HEIGHT, WIDTH), np.uint16)
    Image.fromarray(blank).save(warehouse / "train" / "depths" / "000000_depth.png")
    rows = run(warehouse).records.to_pylist()
    assert {row["image"][-10:] for row in rows if row["depth"] is None} == {"000000.png"}
    with pytest.raises(RegionHeadsError, match=r"none of 3 pictures has a depth image that.*depth_scale"):
        run(warehouse, data={"depth_scale": 1e9})


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


def test_records_without_pictures_take_their_size_from_the_masks(warehouse: Path, run: Run) -> None:
    outputs = run(warehouse / "train.json", expectations=True, images="absent", max_rejected_share=0.0)
    row = outputs.records.to_pylist()[0]
    assert (row["height"], row["width"], row["depth"]) == (HEIGHT, WIDTH, None)


def test_all_pictures_missing_is_answered_with_the_setting_for_it(warehouse: Path, run: Run) -> None:
    for picture in (warehouse / "train" / "images").iterdir():
        picture.unlink()
    with pytest.raises(RegionHeadsError, match=r"validate\.images to absent"):
        run(warehouse, max_rejected_share=0.02)


def test_pictures_under_two_names_are_reported(warehouse: Path, run: Run) -> None:
    images = warehouse / "train" / "images"
    (images / "000001.png").unlink()
    (images / "000001.png").write_bytes((images / "000000.png").read_bytes())
    assert run(warehouse).report["identical_pictures"]["groups"] == 1
