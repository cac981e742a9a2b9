"""Model folders of older versions answer as they did; those of newer formats are refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

import region_heads
from region_heads import Answerer, RegionHeadsModel
from region_heads.errors import RegionHeadsError
from region_heads.modeling.heads import HeadInputs
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
def folder(table: pa.Table, tmp_path: Path) -> Path:
    Answerer(*build(ModelSettings(text_encoder="none"), table)).save_pretrained(tmp_path)
    return tmp_path


def rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def as_it_was(folder: Path) -> None:
    """Takes out of a folder what version 0.1.0 did not write."""
    weights = load_file(folder / "model.safetensors")
    kept = {
        name: found for name, found in weights.items() if not re.search(r"[.]described[.]line[.]|[.]limit[.]", name)
    }
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    rewrite(folder / "config.json", lambda found: {name: found[name] for name in found if name in CONFIGURATION})
    rewrite(
        folder / "region_processor.json",
        lambda found: {
            name: found[name] if fields is None else {key: found[name][key] for key in found[name] if key in fields}
            for name, fields in PROCESSOR.items()
        },
    )


def test_a_folder_of_version_0_1_0_is_read_whole(folder: Path, image_folder: Path) -> None:
    asked = image_folder / "0.png", *ASKED
    expected = region_heads.load(folder).ask(*asked, without_depth=True)
    as_it_was(folder)
    assert region_heads.load(folder).ask(*asked, without_depth=True) == expected


def test_counts_of_a_folder_of_version_0_1_0_are_the_likeliest_and_of_a_new_one_the_open_gates(folder: Path) -> None:
    """Four gates of .65 are open, and three likelier."""
    new = region_heads.load(folder).network.region_heads.heads["counting"]
    as_it_was(folder)
    old = region_heads.load(folder).network.region_heads.heads["counting"]
    inputs = HeadInputs(
        states=torch.zeros(1, 4, 96), vectors=torch.zeros(1, 4, new.lies.way.out_features),
        positions=torch.zeros(1, 4, 3), inside=torch.zeros(1, 4, 4), question=torch.zeros(1, 96),
        words=torch.zeros(1, 0, 96), fits=torch.zeros(1, 4, 0), valid=torch.ones(1, 4, dtype=torch.bool),
    )  # fmt: skip
    for head in (new, old):
        with torch.no_grad():
            head.marked.layers[-1].bias.fill_(20.0)
            gate = head._gates(inputs, *reversed(head.place(inputs)))[0][0, 0].exp().logit()
            head.kind.score.layers[-1].bias.add_(torch.tensor(0.65).logit() - gate)
    assert new(inputs).answer.tolist() == [4]
    assert old(inputs).answer.tolist() == [3]


def test_a_new_folder_without_the_weights_that_older_ones_lack_is_refused(folder: Path) -> None:
    as_it_was(folder)
    rewrite(folder / "config.json", lambda found: found | {"format_version": 2})
    with pytest.raises(RegionHeadsError, match=r"expected weights that are not there"):
        RegionHeadsModel.from_pretrained(folder)


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
    rewrite(folder / "config.json", lambda found: found | {"format_version": 3, "heads": "of another kind"})
    with pytest.raises(
        RegionHeadsError, match=r"config.json: expected a model folder of format 2 or older, found format 3"
    ):
        RegionHeadsModel.from_pretrained(folder)


def test_a_format_that_is_none_is_refused(folder: Path) -> None:
    rewrite(folder / "config.json", lambda found: found | {"format_version": "new"})
    with pytest.raises(RegionHeadsError, match=r"config.json: cannot be read as a model's configuration"):
        RegionHeadsModel.from_pretrained(folder)
