"""A model knows what it was trained with: depth that training had and use lacks is refused, or allowed in words."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image, ImageOps

from region_heads.asking import Answer, Refusal, ask
from region_heads.asking import RegionQuestion as Question
from region_heads.depth_use import depth_share, fitted, lacking
from region_heads.errors import RegionHeadsError
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import LoadedModel, load, predict
from region_heads.training.build import build
from tests.conftest import HEIGHT, WIDTH

QUESTION = "How far is the pallet <mask> from the pallet <mask>?"
BOXES = [[5, 5, 30, 30], [50, 10, 80, 40]]


def with_depth_for(table: pa.Table, pictures: int) -> pa.Table:
    """The table with depth for its first ``pictures`` of six."""
    rows = [row | ({} if int(row["image"][0]) < pictures else {"depth": None}) for row in table.to_pylist()]
    return pa.Table.from_pylist(rows, schema=table.schema)


@pytest.fixture(scope="module")
def trained(table: pa.Table) -> Callable[[int], LoadedModel]:
    """A model to start from, of training data with depth for so many of six pictures."""

    def with_pictures(pictures: int) -> LoadedModel:
        torch.manual_seed(0)
        network, processor = build(ModelSettings(), with_depth_for(table, pictures))
        return LoadedModel(network.eval(), processor)

    return with_pictures


@pytest.mark.parametrize(
    ("trained_with", "used", "fits"),
    [(1.0, 1.0, True), (1.0, 0.5, True), (1.0, 0.49, False), (1.0, 0.0, False), (0.4, 0.2, True), (0.4, 0.0, False),
     (0.01, 0.0, False), (0.0, 0.0, True), (0.0, 1.0, True), (None, 0.5, True), (None, 0.0, False)],
)  # fmt: skip
def test_single_pictures_may_lack_depth_and_not_the_use_as_a_whole(
    trained_with: float | None, used: float, fits: bool
) -> None:
    assert (lacking(trained_with, used) is None) is fits


@pytest.mark.parametrize("pictures", [0, 3, 6])
def test_the_share_is_of_pictures_and_is_saved_with_the_model(
    table: pa.Table, trained: Callable[[int], LoadedModel], tmp_path: Path, pictures: int
) -> None:
    assert depth_share(with_depth_for(table, pictures)) == pictures / 6
    assert depth_share(table.drop_columns(["depth"])) == depth_share(table.slice(0, 0)) == 0
    model = trained(pictures)
    model.network.save_pretrained(tmp_path)
    model.processor.save_pretrained(tmp_path)
    assert load(tmp_path).network.config.depth_share == pictures / 6


def test_of_a_model_that_does_not_say_it_is_assumed_that_it_was_trained_with_depth(
    table: pa.Table, trained: Callable[[int], LoadedModel], image_folder: Path, tmp_path: Path
) -> None:
    model = trained(6)
    model.network.save_pretrained(tmp_path)
    model.processor.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["depth_share"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RegionHeadsError, match="a model that records nothing about them is assumed to have been"):
        predict(tmp_path, with_depth_for(table, 0), image_folder)
    assert predict(tmp_path, table, image_folder).num_rows == table.num_rows


def test_a_table_without_depth_is_refused_or_allowed_and_single_pictures_are_reported(
    table: pa.Table,
    trained: Callable[[int], LoadedModel],
    image_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = trained(6)
    with pytest.raises(RegionHeadsError, match=r"100% of the pictures had.*found them for 0% .* --without-depth"):
        predict(model, with_depth_for(table, 0), image_folder)
    assert predict(model, with_depth_for(table, 0), image_folder, without_depth=True).num_rows == table.num_rows
    assert not caplog.records
    assert predict(model, with_depth_for(table, 5), image_folder).num_rows == table.num_rows
    assert "16.7% of the pictures have no depth image" in caplog.text


def test_a_model_that_was_trained_without_depth_is_given_none(
    table: pa.Table, trained: Callable[[int], LoadedModel], image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = trained(0)
    given, bare = (predict(model, with_depth_for(table, pictures), image_folder) for pictures in (6, 0))
    assert given.equals(bare)
    assert "The depth images are left out" in caplog.text
    assert fitted(table.slice(0, 0), 1.0, without_depth=False).num_rows == 0


def test_a_question_without_depth_is_refused_or_allowed_by_itself_or_for_all(
    trained: Callable[[int], LoadedModel], image_folder: Path
) -> None:
    def asked(depth: bool, **more: bool) -> Question:
        image, depth_image = image_folder / "0.png", image_folder / "0_depth.png"
        return Question(
            question=QUESTION, image=str(image), regions=BOXES, depth=str(depth_image) if depth else None, **more
        )

    full, refused, allowed = ask(trained(3), [asked(True), asked(False), asked(False, without_depth=True)])
    assert isinstance(full, Answer)
    assert isinstance(allowed, Answer)
    assert full.confidence != allowed.confidence
    assert isinstance(refused, Refusal)
    assert (refused.problem.field, refused.problem.found) == ("depth", "none")
    assert "which 50% of the pictures had" in str(refused)
    assert "without_depth" in refused.problem.advice
    assert ask(trained(3), [asked(False)], without_depth=True) == [allowed]
    never = trained(0)
    assert ask(never, [asked(True)]) == ask(never, [asked(False)])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stored_turned_is_answered_as_the_upright_one(
    trained: Callable[[int], LoadedModel], image_folder: Path, orientation: int
) -> None:
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)

    def stored(name: str) -> bytes:
        """The picture as a camera stores it that was held otherwise: its viewers turn it back."""
        with Image.open(image_folder / name) as upright:
            exif = Image.Exif()
            exif[0x0112] = back
            note, buffer = io.BytesIO(), io.BytesIO()
            upright.save(note, format="PNG", exif=exif)
            turned = ImageOps.exif_transpose(Image.open(note))
            exif[0x0112] = orientation
            turned.save(buffer, format="PNG", exif=exif)
            assert np.array_equal(np.asarray(ImageOps.exif_transpose(Image.open(buffer))), np.asarray(upright))
        return buffer.getvalue()

    names = ("0.png", "0_depth.png")
    upright, other = ask(
        trained(6),
        [
            Question(
                question=QUESTION, image=image, depth=depth, regions=[[5, 5, 30, 30], [WIDTH - 9, 1, WIDTH, HEIGHT]]
            )
            for image, depth in (map(stored, names), ((image_folder / name).read_bytes() for name in names))
        ],
    )
    assert isinstance(upright, Answer)
    assert upright == other
