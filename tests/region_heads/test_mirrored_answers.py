"""Answers from both sides of the mirror: the surer one is kept, so a mirrored picture gets the mirrored answer."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pycocotools import mask as coco

from region_heads.data.mirroring import can_mirror, swap_sides
from region_heads.data.processor import RegionProcessor
from region_heads.data.settings import Augmentation
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import LoadedModel, predict
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.build import build
from region_heads.training.finetune import trainer_of
from region_heads.training.settings import TrainingPolicy
from tests.conftest import HEIGHT, WIDTH

Built = tuple[RegionHeadsModel, RegionProcessor]


def answered(built: Built, table: pa.Table, folder: Path, *, mirrored: bool) -> pa.Table:
    network = copy.deepcopy(built[0]).eval()
    network.config.answer_mirrored = mirrored
    return predict(LoadedModel(network, built[1]), table, folder, without_depth=True)


def flipped(counts: str) -> str:
    mask = coco.decode({"size": [HEIGHT, WIDTH], "counts": counts.encode()})
    return str(coco.encode(np.asfortranarray(mask[:, ::-1]))["counts"].decode())


@pytest.fixture
def flat(table: pa.Table) -> pa.Table:
    """The questions that a mirror can be asked, without depth, whose floor is fitted from points drawn at random."""
    table = table.filter(pa.array([can_mirror(text) for text in table["question"].to_pylist()]))
    return table.set_column(table.column_names.index("depth"), "depth", pa.nulls(table.num_rows, pa.string()))


@pytest.fixture
def other_side(flat: pa.Table, image_folder: Path, tmp_path: Path) -> tuple[pa.Table, Path]:
    """The same questions about pictures, regions and words that were mirrored by hand."""
    for name in set(flat["image"].to_pylist()):
        Image.open(image_folder / name).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / name)
    rows = [
        row | {"rle": [flipped(counts) for counts in row["rle"]], "question": swap_sides(row["question"])}
        for row in flat.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=flat.schema), tmp_path


def test_the_mirrored_picture_gets_the_mirrored_answer(
    built: Built, flat: pa.Table, other_side: tuple[pa.Table, Path], image_folder: Path
) -> None:
    here = answered(built, flat, image_folder, mirrored=True).to_pylist()
    there = answered(built, *other_side, mirrored=True).to_pylist()
    assert {row["task"] for row in here} == {"distance", "left_right", "multiple_choice", "counting"}
    for one, other in zip(here, there, strict=True):
        assert other["confidence"] == pytest.approx(one["confidence"], abs=1e-3)
        if one["task"] == "distance":
            assert json.loads(other["prediction"]) == pytest.approx(json.loads(one["prediction"]), rel=0.02)
        else:
            assert other["prediction"] == swap_sides(one["prediction"])
    # Which a model without it does not promise.
    plain = [answered(built, *given, mirrored=False) for given in ((flat, image_folder), other_side)]
    sure = [np.array(rows["confidence"].to_pylist()) for rows in plain]
    assert np.abs(sure[0] - sure[1]).max() > 1e-2


def test_the_surer_answer_is_kept(built: Built, flat: pa.Table, image_folder: Path) -> None:
    both, plain = (answered(built, flat, image_folder, mirrored=mirrored).to_pylist() for mirrored in (True, False))
    changed = [(one, other) for one, other in zip(both, plain, strict=True) if one != other]
    assert changed
    assert all(one["confidence"] > other["confidence"] for one, other in changed)


def test_a_question_whose_words_would_be_guessed_is_asked_once(
    built: Built, flat: pa.Table, image_folder: Path
) -> None:
    text = "Which is the port-side one of <mask> <mask>?"
    assert not can_mirror(text)
    rows = [row | {"question": text} for row in flat.to_pylist() if len(row["rle"]) == 2]
    table = pa.Table.from_pylist(rows, schema=flat.schema)
    both, plain = (answered(built, table, image_folder, mirrored=mirrored) for mirrored in (True, False))
    assert both.equals(plain)


@pytest.mark.parametrize(
    ("mirror", "asked", "expected"), [(0.5, None, True), (0.0, None, False), (0.0, True, True), (0.5, False, False)]
)
def test_tiny_answers_so_where_it_was_taught_so(
    table: pa.Table, image_folder: Path, tmp_path: Path, mirror: float, asked: bool | None, expected: bool
) -> None:
    settings = ModelSettings(answer_mirrored=asked)
    model, processor = build(settings, table)
    trainer = trainer_of(
        model, processor, table, table, image_folder, settings=settings, augmentation=Augmentation(mirror=mirror),
        arguments=RegionTrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True), depth_scale=0.001,
        policy=TrainingPolicy(),
    )  # fmt: skip
    assert trainer.model.config.answer_mirrored is expected
