"""`region_heads.load(…).ask(…)`: whatever form pictures and regions have, and whatever is wrong."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

import region_heads
from region_heads import Answerer, RegionHeadsModel, RegionProcessor
from region_heads.errors import RegionHeadsError

_FILE = io.BytesIO()
Image.effect_noise((96, 54), 50).convert("RGB").save(_FILE, format="PNG")
CUT_OFF = _FILE.getvalue()[:-100]

QUESTION, BOXES = "How far is <mask> from <mask>?", [[0, 0, 9, 9], [20, 0, 29, 9]]


@pytest.fixture(scope="module")
def folder(built: tuple[RegionHeadsModel, RegionProcessor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("model")
    Answerer(*built).save_pretrained(saved)
    return saved


def test_pictures_and_regions_of_every_form_are_answered_alike(folder: Path, image_folder: Path) -> None:
    model = region_heads.load(str(folder))
    file, depth = image_folder / "0.png", image_folder / "0_depth.png"
    expected = model.ask(file, QUESTION, BOXES, depth=depth)
    mask = np.zeros((2, 54, 96), dtype=bool)
    mask[0, :9, :9] = mask[1, :9, 20:29] = True
    for image in (str(file), file.read_bytes(), Image.open(io.BytesIO(file.read_bytes()))):
        for regions in (BOXES, np.array(BOXES), mask):
            assert model.ask(image, QUESTION, regions, depth=Image.open(depth)) == expected
    assert expected.task == "distance"
    assert model.ask(file, QUESTION, BOXES, depth=depth, task="count").task == "counting"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image": "none.png"}, "image: expected a picture"),
        ({"image": np.zeros((2, 2, 3))}, "image: expected a picture"),
        (
            {"image": Image.open(io.BytesIO(CUT_OFF))},
            "image: expected a readable picture, found mode RGB (image file is",
        ),
        ({"image": Image.new("F", (96, 54))}, "image: expected a picture in colour or grey"),
        ({"depth": Image.new("HSV", (96, 54))}, "depth: expected a depth image with one channel"),
        ({"question": "How far?"}, "question: expected a <mask> for each region, found none"),
        ({"regions": BOXES[:1]}, "regions: expected one for each of the 2 <mask>"),
        ({"depth": None}, "depth: expected"),
        ({"task": "size"}, "task: expected one of distance"),
    ],
)
def test_a_question_that_cannot_be_answered_is_an_error(
    folder: Path, image_folder: Path, changed: dict[str, Any], message: str
) -> None:
    asked = {"image": image_folder / "0.png", "question": QUESTION, "regions": BOXES}
    asked |= {"depth": image_folder / "0_depth.png"} | changed
    with pytest.raises(RegionHeadsError) as refused:
        region_heads.load(folder).ask(**asked)
    assert message in str(refused.value)


def test_a_picture_stored_turned_is_answered_alike_opened_and_as_a_file(
    folder: Path, image_folder: Path, tmp_path: Path
) -> None:
    model, exif = region_heads.load(folder), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    files = [tmp_path / "0.tiff", tmp_path / "0_depth.png"]
    for name, file in zip(("0.png", "0_depth.png"), files, strict=True):
        with Image.open(image_folder / name) as upright:
            (upright.convert("CMYK") if name == "0.png" else upright).save(file, exif=exif)
    image, depth = map(Image.open, files)
    assert model.ask(image, QUESTION, BOXES, depth=depth) == model.ask(files[0], QUESTION, BOXES, depth=files[1])


def test_a_folder_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match="expected a model folder"):
        region_heads.load(tmp_path)
    with pytest.raises(RegionHeadsError, match="no such folder"):
        region_heads.load(tmp_path / "none")


def test_an_address_in_the_registry_is_looked_up_there(
    tmp_path: Path, tracking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking.uri)
    with pytest.raises(RegionHeadsError, match="the registry has no such model or alias"):
        region_heads.load("models:/region-heads@champion")
