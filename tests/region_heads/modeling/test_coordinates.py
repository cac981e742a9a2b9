"""Coordinates in the image tokens: nothing at first, metres to learn from, refused where tokens have no place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import PreTrainedTokenizerBase

from region_heads import ModelSettings, RegionDataCollator, RegionDataset, RegionHeadsConfig, RegionHeadsModel
from region_heads.cell_coordinates import mirrored_cells
from region_heads.data.processor import RegionProcessor
from region_heads.data.settings import Augmentation
from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones import build_backbone
from region_heads.modeling.batch import Batch
from region_heads.prediction import predict
from region_heads.training.build import build
from tests.region_heads.modeling.small_backbones import small
from tests.region_heads.modeling.test_routing import run

Built = tuple[RegionHeadsModel, RegionProcessor]
_PLACED = ["tiny", *(pytest.param(f, marks=pytest.mark.slow) for f in ("llava", "qwen2_vl", "qwen2_5_vl")), "qwen3_vl"]


def settings(family: str, tokenizer: PreTrainedTokenizerBase, folder: Path) -> ModelSettings:
    """The settings of a small backbone that lies in ``folder``, with coordinates."""
    if family == "tiny":
        return ModelSettings(image_coordinates=True)
    torch.manual_seed(0)
    build_backbone(small(family)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pixels = 64 * 32**2 if family.startswith("qwen") else None
    return ModelSettings(backbone=str(folder), image_coordinates=True, image_pixels=pixels)


def batch_of(processor: RegionProcessor, table: pa.Table, image_folder: Path) -> Batch:
    dataset = RegionDataset(table, image_folder, processor)
    return RegionDataCollator(processor)([dataset[row] for row in range(12)])


def hidden(model: RegionHeadsModel, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        found = run(model.eval(), batch).hidden_states
    assert found is not None
    return found


@pytest.mark.parametrize("family", _PLACED)
def test_a_model_starts_as_it_was_and_learns_where_things_are(
    family: str, built: Built, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    model, processor = build(settings(family, built[1].tokenizer, tmp_path / "backbone"), table)
    batch = batch_of(processor, table, image_folder)
    assert batch.coordinates is not None
    elsewhere = replace(batch, coordinates=batch.coordinates + 1)
    first = hidden(model, batch)
    assert torch.equal(first, hidden(model, elsewhere))

    loss = run(model.train(), batch).loss
    assert loss is not None
    loss.backward()
    assert model.coordinates is not None
    with torch.no_grad():
        for weight in model.coordinates.parameters():
            if weight.grad is not None:
                weight.sub_(100 * weight.grad)
    at_places = hidden(model, batch)
    assert not torch.allclose(first, at_places)
    assert not torch.allclose(at_places, hidden(model, elsewhere))

    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    loaded = RegionHeadsModel.from_pretrained(tmp_path / "model")
    read = batch_of(RegionProcessor.from_pretrained(tmp_path / "model"), table, image_folder)
    assert torch.equal(hidden(loaded, read), at_places)


def test_a_mirrored_picture_has_the_places_of_its_mirror_image(table: pa.Table, image_folder: Path) -> None:
    _, processor = build(ModelSettings(image_coordinates=True), table)
    plain = RegionDataset(table, image_folder, processor)[0]
    mirrored = RegionDataset(
        table, image_folder, processor, augmentation=Augmentation(mirror=1.0, word_dropout=0.0)
    )[0]  # fmt: skip
    assert plain.coordinates is not None and mirrored.coordinates is not None
    rows, across = plain.grid
    assert plain.coordinates.shape[0] == rows * across
    assert np.array_equal(mirrored_cells(plain.coordinates, columns=across), mirrored.coordinates)
    assert not np.allclose(plain.coordinates, mirrored.coordinates)


@pytest.mark.parametrize("family", ["llava_next", "llava_onevision", "smolvlm", "internvl"])
def test_families_whose_tokens_have_no_place_are_refused_before_weights_are_read(
    family: str, built: Built, table: pa.Table, tmp_path: Path
) -> None:
    wanted = settings(family, built[1].tokenizer, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(RegionHeadsError, match=r"image_coordinates: expected false.* found true; LLaVA, Qwen-VL"):
        build(wanted, table)
    with pytest.raises(RegionHeadsError, match=r"image_coordinates"):
        RegionHeadsModel(RegionHeadsConfig(backbone_config=small(family), image_coordinates=True))


def test_a_processor_of_a_model_without_places_is_noticed(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    model, _ = build(ModelSettings(image_coordinates=True), table)
    _, other = build(ModelSettings(), table)
    model.save_pretrained(tmp_path)
    other.save_pretrained(tmp_path)
    with pytest.raises(RegionHeadsError, match=r"image_coordinates: expected True, as in config.json, found False"):
        predict(tmp_path, table, image_folder)
