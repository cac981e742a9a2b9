"""A picture stored turned is the same picture as its upright copy, wherever the project reads pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image, ImageOps
from pycocotools import mask as coco

from region_heads.cli.answering import answer_file
from region_heads.data.dataset import RegionDataset
from region_heads.labelling.answers import answer
from region_heads.modeling.settings import ModelSettings
from region_heads.playground.drawing import draw
from region_heads.playground.scene import Scene
from region_heads.quality.validation.layout import Place
from region_heads.quality.validation.pictures import Pictures, Seen
from region_heads.report.gallery import picture
from region_heads.settings import DatasetParams
from region_heads.tagging.settings import Params as TagParams
from region_heads.training.build import build
from tests.conftest import HEIGHT, WIDTH

_UNDO = {6: 8, 8: 6}


def stored_turned(source: Path, target: Path, orientation: int) -> None:
    """Writes the picture as a camera does that was held otherwise: its orientation turns it back."""
    exif = Image.Exif()
    exif[0x0112] = _UNDO.get(orientation, orientation)
    with Image.open(source) as upright:
        upright.load()
        upright.getexif().update(exif)
        turned = ImageOps.exif_transpose(upright)
        exif[0x0112] = orientation
        turned.save(target, exif=exif)
        with Image.open(target) as stored:
            assert stored.getexif()[0x0112] == orientation
            assert np.array_equal(np.asarray(ImageOps.exif_transpose(stored)), np.asarray(upright))


@pytest.fixture(params=range(2, 9))
def folders(request: pytest.FixtureRequest, image_folder: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The pictures with their depth images, upright and stored turned."""
    for file in image_folder.glob("0*.png"):
        stored_turned(file, tmp_path / file.name, request.param)
    return image_folder, tmp_path


def test_training_report_playground_and_validation_see_the_upright_picture(
    folders: tuple[Path, Path], table: pa.Table
) -> None:
    torch.manual_seed(0)
    _, processor = build(ModelSettings(), table)
    seen: list[list[Any]] = []
    for folder in folders:
        question = RegionDataset(table, folder, processor)[0]
        pictures = Pictures(folder, 0.001)
        places = [Place("0.png", "", "image"), Place("0_depth.png", "", "depth")]
        ((_, looked),) = pictures.look([(None, places)])
        found = [fact for fact in looked.values() if isinstance(fact, Seen)]
        drawn, shown = draw(Scene(folder / "0.png", WIDTH, HEIGHT)), picture(folder / "0.png", WIDTH, 90)
        geometry = [region.geometry for region in question.regions]
        facts = [[fact.width, fact.height, fact.hash, fact.brightness, fact.metres] for fact in found]
        seen.append([question.pixels, *geometry, drawn, shown, facts])
        assert pictures.turned() == (0 if folder == folders[0] else 2)
    for upright, turned in zip(*seen, strict=True):
        assert upright == turned if isinstance(upright, list | tuple) else np.array_equal(upright, turned)


def test_from_the_records_to_the_answers_masks_are_those_of_the_turned_picture(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network, processor = build(ModelSettings(), table)
    network.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    as_stored = coco.encode(np.ones((WIDTH, HEIGHT), np.uint8, order="F"))
    as_stored["counts"] = as_stored["counts"].decode()
    rows = table.slice(0, 5).to_pylist()
    answers = []
    for name in ("upright", "turned"):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        (folder / "depths").mkdir()
        for file, target in (("0.png", "images"), ("0_depth.png", "depths")):
            if name == "upright":
                shutil.copy(image_folder / file, folder / target / file)
            else:
                stored_turned(image_folder / file, folder / target / file, 6)
        records = [
            {"id": row["id"], "image": "0.png", "question": row["question"],
             "regions": [{"size": [HEIGHT, WIDTH], "counts": counts} for counts in row["rle"]]}
            for row in rows
        ]  # fmt: skip
        records.append(records[0] | {"id": "stored", "regions": [as_stored] * 2})
        (folder / "q.json").write_text(json.dumps(records))
        answers.append(
            answer_file(
                tmp_path / "model", folder / "q.json", images=None, depths=None, without_depth=False,
                data=DatasetParams(images="images/{image}", depths="depths/{stem}_depth.png"),
                tagging=TagParams(), scratch=tmp_path / f"{name}-scratch",
            )
        )  # fmt: skip
    given = [[answer(row) for row in answered.to_pylist()] for answered, _ in answers]
    assert len(given[0]) == 5
    assert given[0] == given[1]
    assert "make the mask for the turned picture, or store the picture upright" in answers[1][1][0].reason
