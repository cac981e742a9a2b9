"""Which picture a question means, and which depth image is a picture's: one, or words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from region_heads.labelling.entry import FieldError
from region_heads.labelling.marked import Album, Marked
from region_heads.labelling.pictures import Pictures
from tests.conftest import Command
from tests.interop.conftest import HEIGHT, WIDTH, lines


@pytest.mark.parametrize(
    ("pictures", "asked", "meant"),
    [
        ([("1.png", "0"), ("2.png", "1")], 1, "2.png"),
        ([("1.png", "0"), ("2.png", "1")], 2, "2.png"),
        ([("1.png", "0"), ("2.png", "1")], "1.png", "1.png"),
        ([("1.png", "0"), ("2.png", "1")], "0", "1.png"),
        ([("cam1/0001.png", "0"), ("cam2/0001.png", "1")], "cam2/0001.png", "cam2/0001.png"),
        ([("a/cam1/1.png", "0"), ("a/cam2/1.png", "1")], "cam1/1.png", "a/cam1/1.png"),
        ([("1.png", "0"), ("a/1.png", "1")], "b/a/1.png", "a/1.png"),
        ([("1.png", "0")], "val2017/1.png", "1.png"),
        ([("/data/upload/7/01234567-hall.jpg", "4")], "hall.jpg", "/data/upload/7/01234567-hall.jpg"),
    ],
)
def test_a_question_means_the_picture_of_its_name_before_others(
    pictures: Sequence[tuple[str, str]], asked: Any, meant: str
) -> None:
    assert Album([Marked(list(names)) for names in pictures]).find(asked).names[0] == meant


@pytest.mark.parametrize(
    ("pictures", "asked", "words"),
    [
        ([("1.png", "0"), ("2.png", "1")], "1", "expected one picture called '1', found 2.png (1) and 1.png (0)"),
        ([("a.png", "0"), ("b.png", "0")], 0, "expected one picture called '0', found a.png (0) and b.png (0)"),
        ([("cam1/1.png", "0"), ("cam2/1.png", "1")], "1.png", "found cam1/1.png (0) and cam2/1.png (1)"),
        ([("cam1/1.png", "0")], "cam3/1.png", "expected a picture of the export, found 'cam3/1.png'"),
        ([("a.png", "0")], True, "expected the name of a picture, found bool"),
        ([("a.png", "0")], None, "expected the name of a picture, found nothing"),
    ],
)
def test_what_could_be_two_pictures_or_lies_elsewhere_is_refused(
    pictures: Sequence[tuple[str, str]], asked: Any, words: str
) -> None:
    with pytest.raises(FieldError) as refused:
        Album([Marked(list(names)) for names in pictures]).find(asked)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("files", "with_depth", "unclear"),
    [
        (["photos/1.png", "depths/1.png"], ["photos/1"], []),
        (["cam1/1.png", "cam2/1.png", "cam1/depth/1.png"], ["cam1/1"], []),
        (["cam1/1.png", "cam2/1.png", "cam1/depth/1.png", "cam2/depth/1.png"], ["cam1/1", "cam2/1"], []),
        (
            ["cam1/rgb/1.png", "cam2/rgb/1.png", "cam1_depth/1.png", "cam2_depth/1.png"],
            ["cam1/rgb/1", "cam2/rgb/1"],
            [],
        ),
        (["cam1/1.png", "cam2/1.png", "depth/1.png"], [], ["cam1/1.png", "cam2/1.png"]),
        (["1.png", "depth/1.png", "depths/1_depth.png"], [], ["1.png"]),
    ],
)
def test_a_depth_image_is_that_of_the_picture_with_which_it_shares_folders(
    tmp_path: Path, files: list[str], with_depth: list[str], unclear: list[str]
) -> None:
    for name in files:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    pictures = Pictures(tmp_path / "in", tmp_path / "out", copy=True)
    for name in files:
        if "depth" not in name:
            pictures.bring(pictures.find(name))
    depths = tmp_path / "out" / "depths"
    assert sorted(path.relative_to(depths).as_posix() for path in depths.rglob("*.png")) == [
        f"{name}_depth.png" for name in with_depth
    ]
    assert (pictures.with_depth, pictures.unclear_depths) == (len(with_depth), unclear)


def test_an_import_reports_depth_images_that_it_left_out(command: Command, tmp_path: Path) -> None:
    for name in ("cam1/1.png", "cam2/1.png", "depth/1.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "in" / name)
    row = {"image": "cam1/1.png", "question": "How many are in <mask>?", "regions": [{"xyxy": [8, 10, 16, 20]}]}
    (tmp_path / "in" / "a.jsonl").write_text(json.dumps(row))
    done = command("import", tmp_path / "in", tmp_path / "out", "--from", "table", "--no-page")
    assert (done.code, len(lines(tmp_path / "out"))) == (0, 1)
    assert "without depth: 1 pictures, as cam1/1.png, of which several fit" in done.out
