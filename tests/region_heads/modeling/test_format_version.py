"""Model folders of older versions answer as they did; those of newer formats are refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import region_heads
from region_heads import Answerer, RegionHeadsModel, RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.settings import ModelSettings
from region_heads.training.build import build
from tests.region_heads.modeling.own_processors import write_model

ASKED = ("How far is <mask> from <mask>?", [[0, 0, 9, 9], [20, 0, 29, 9]])
# What version 0.1.0 wrote. A field that comes later needs a default that leaves the answers as they were.
CONFIGURATION = {
    "backbone_config", "region_heads_cfg", "region_size", "head_size", "image_token_grid", "loss_weights",
    "grounding_loss_weight", "naming_loss_weight", "name_tokens", "name_shares", "language_loss_weight", "text_tokens",
    "loss_weighting", "backbone_precision", "depth_share", "length_unit", "mask_token_id", "read_out_token_id",
    "answer_token_id", "model_type", "architectures", "dtype", "transformers_version",
}  # fmt: skip
PROCESSOR = {
    "image_format": {
        "max_pixels", "unit", "stride", "mean", "std", "channels", "field_of_view", "length_unit",
    },
    "prompt": {"before", "after", "image_token_grid", "row_length"},
    "wordings": None,
}  # fmt: skip


@pytest.fixture
def folder(built: tuple[RegionHeadsModel, RegionProcessor], tmp_path: Path) -> Path:
    Answerer(*built).save_pretrained(tmp_path)
    return tmp_path


def rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def as_it_was(folder: Path) -> None:
    """Takes out of a folder what version 0.1.0 did not write."""
    rewrite(folder / "config.json", lambda found: {name: found[name] for name in found if name in CONFIGURATION})
    rewrite(
        folder / "region_processor.json",
        lambda found: {
            name: found[name] if fields is None else {key: found[name][key] for key in found[name] if key in fields}
            for name, fields in PROCESSOR.items()
        },
    )


def test_a_folder_of_version_0_1_0_answers_as_it_did(folder: Path, image_folder: Path) -> None:
    asked = image_folder / "0.png", *ASKED
    expected = region_heads.load(folder).ask(*asked, without_depth=True)
    as_it_was(folder)
    assert region_heads.load(folder).ask(*asked, without_depth=True) == expected


@pytest.mark.parametrize("family", ["qwen3_vl", "smolvlm"])
def test_a_pretrained_familys_folder_of_0_1_0_is_read(
    family: str, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    """Its pictures' sizes follow today's rule, and tiles have no whole beside them."""
    write_model(tmp_path / "backbone", family)
    model, processor = build(ModelSettings(backbone=str(tmp_path / "backbone")), table)
    model.config.new_tokens, model.new_tokens = False, None
    Answerer(model, processor).save_pretrained(tmp_path / "model")
    as_it_was(tmp_path / "model")
    answer = region_heads.load(tmp_path / "model").ask(image_folder / "0.png", *ASKED, without_depth=True)
    assert answer.task == "distance"
    assert build(ModelSettings(backbone=str(tmp_path / "backbone")), table, tmp_path / "model")[0].new_tokens is None


def test_a_folder_of_a_newer_format_is_refused_by_name(folder: Path) -> None:
    rewrite(folder / "config.json", lambda found: found | {"format_version": 2, "heads": "of another kind"})
    with pytest.raises(
        RegionHeadsError, match=r"config.json: expected a model folder of format 1 or older, found format 2"
    ):
        RegionHeadsModel.from_pretrained(folder)


def test_a_format_that_is_none_is_refused(folder: Path) -> None:
    rewrite(folder / "config.json", lambda found: found | {"format_version": "new"})
    with pytest.raises(RegionHeadsError, match=r"config.json: cannot be read as a model's configuration"):
        RegionHeadsModel.from_pretrained(folder)
