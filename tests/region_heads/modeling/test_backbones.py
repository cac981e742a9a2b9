"""Backbones: each family by its real architecture, with small random weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import (
    BertConfig,
    Gemma3Config,
    PreTrainedTokenizerBase,
)

from region_heads import RegionHeadsConfig, RegionHeadsModel
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones import ADAPTERS, adapter_for, build_backbone, load_backbone_config
from region_heads.modeling.decoding import KeptRows
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import predict
from region_heads.text_generation import text_answers
from region_heads.training.build import build
from region_heads.training.pretrained import pretrained
from tests.region_heads.modeling.small_backbones import small
from tests.region_heads.modeling.test_packing import collator, relative
from tests.region_heads.modeling.test_routing import run


@pytest.fixture(params=sorted(ADAPTERS))
def family(request: pytest.FixtureRequest) -> str:
    """Every supported family in turn."""
    return str(request.param)


@pytest.fixture
def folder(family: str, built: tuple[RegionHeadsModel, RegionProcessor], tmp_path: Path) -> Path:
    """A pretrained backbone on disk, as a download of the family would lie there."""
    tokenizer: PreTrainedTokenizerBase = built[1].tokenizer
    torch.manual_seed(0)
    build_backbone(small(family)).save_pretrained(tmp_path / "backbone")
    tokenizer.save_pretrained(tmp_path / "backbone")
    return tmp_path / "backbone"


def settings(folder: Path, family: str) -> ModelSettings:
    shaped = family.startswith("qwen")
    return ModelSettings(backbone=str(folder), image_token_grid=None, image_pixels=64 * 32**2 if shaped else None)


def test_a_family_trains_is_saved_and_answers_the_same(
    folder: Path, family: str, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    model, processor = build(settings(folder, family), table)
    original = build_backbone(small(family)).from_pretrained(folder).state_dict()
    for name, weight in model.backbone.state_dict().items():
        if "embed_tokens" not in name and "lm_head" not in name:
            assert torch.equal(weight, original[name]), name
    dataset = RegionDataset(table, image_folder, processor)
    batch = RegionDataCollator(processor)([dataset[row] for row in range(12)])
    loss = run(model, batch).loss
    assert loss is not None
    loss.backward()
    parts = adapter_for(model.config.backbone_config).parts(model.backbone)
    for name, modules in parts.items():
        weights = [weight for module in modules for weight in module.parameters() if weight.grad is not None]
        assert any(bool(weight.grad.abs().max() > 0) for weight in weights), name  # type: ignore[union-attr]
    held = {id(weight) for modules in parts.values() for module in modules for weight in module.parameters()}
    rest = [name for name, weight in model.backbone.named_parameters() if id(weight) not in held]
    line_ends = family in ("llava_next", "llava_onevision")  # trained with the language model
    assert rest == ["model.image_newline"] * line_ends

    model.eval().save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    loaded = RegionHeadsModel.from_pretrained(tmp_path / "model").eval()
    with torch.no_grad():
        before, after = run(model, batch), run(loaded, batch)
    assert before.hidden_states is not None
    assert after.hidden_states is not None
    assert torch.equal(before.hidden_states, after.hidden_states)
    for task, output in (before.outputs or {}).items():
        assert torch.equal(output.answer, (after.outputs or {})[task].answer)
    assert predict(tmp_path / "model", table, image_folder).num_rows == table.num_rows


def test_packed_questions_are_those_of_separate_rows(
    folder: Path, family: str, table: pa.Table, image_folder: Path
) -> None:
    model, processor = build(settings(folder, family), table)
    assert model.packs
    dataset = RegionDataset(table, image_folder, processor)
    questions = [dataset[row] for row in range(12)]
    with torch.no_grad():
        packed, alone = (
            run(model.eval(), collator(processor, length)(questions)).region_features for length in (10**6, None)
        )
    assert packed is not None
    assert alone is not None
    assert relative(packed, alone) < 1e-5


@pytest.mark.slow
def test_text_goes_on_from_kept_rows_as_from_rows_read_anew(
    folder: Path, family: str, table: pa.Table, image_folder: Path
) -> None:
    """States behind three tokens, in rows of several questions, and the whole texts."""
    model, processor = build(settings(folder, family), table)
    dataset = RegionDataset(table, image_folder, processor)
    questions = [dataset[row] for row in (0, 1, 2, 9, 10)]
    collate = collator(processor, 10**6)
    written = [[5 + 7 * number + step for step in range(3)] for number in range(len(questions))]
    longer = [
        replace(question, tokens=replace(question.tokens, ids=question.tokens.ids + ids))
        for question, ids in zip(questions, written, strict=True)
    ]
    anew = collate(longer)
    assert len(anew.segments) < len(questions)
    with torch.no_grad():
        expected = run(model.eval(), anew).hidden_states
        kept = KeptRows(model, collate(questions))
        steps = [kept.states([ids[step] for ids in written]) for step in range(3)]
    assert expected is not None
    for step, states in enumerate(steps, 1):
        assert relative(states, expected[anew.row_index, anew.answer_positions + step]) < 1e-5
    model.config.text_tokens = 4
    with_cache, without = (
        text_answers(model, processor, questions, collate=collate, cache=cache) for cache in (True, False)
    )
    assert with_cache == without


def test_the_picture_reaches_the_answer_where_the_region_is(
    folder: Path, family: str, table: pa.Table, image_folder: Path
) -> None:
    """A change of the picture inside a region changes the region's own features, whatever the grid."""
    model, processor = build(settings(folder, family), table)
    dataset = RegionDataset(table, image_folder, processor)
    question = dataset[0]
    rows, columns = question.grid
    cell = question.regions[0].coverage.argmax()
    side = processor.image_format.stride
    above, before = (
        (pixels // side - cells) // 2 for pixels, cells in zip(question.pixels.shape[1:], (rows, columns), strict=True)
    )  # cells of padding
    y, x = (cell // columns + above) * side, (cell % columns + before) * side
    pixels = question.pixels.copy()
    pixels[:, y : y + side, x : x + side] += 3.0
    batch = RegionDataCollator(processor)([question, replace(question, image="changed", pixels=pixels)])
    with torch.no_grad():
        features = adapter_for(model.config.backbone_config).image_features(
            model.backbone, batch.pixel_values, batch.sizes, batch.grids, batch.overviews
        )
    assert features.cells.shape[1] == rows * columns
    moved = (features.cells[0] - features.cells[1]).abs().amax(-1)
    assert float(moved[cell]) > 2 * float(moved.median())


def test_pictures_of_different_shapes_do_not_touch_each_other(
    folder: Path, family: str, table: pa.Table, image_folder: Path
) -> None:
    model, processor = build(settings(folder, family), table)
    dataset = RegionDataset(table, image_folder, processor)
    fixed = processor.image_format.is_fixed
    first, other = dataset[0], dataset[9]
    unit = processor.image_format.unit
    if not fixed:
        wide = other.pixels[:, :unit].repeat(2, axis=2)
        grid = (unit // processor.image_format.stride, wide.shape[2] // processor.image_format.stride)
        everywhere = np.ones(grid[0] * grid[1], dtype=np.float32)
        regions = tuple(replace(region, coverage=everywhere, enclosure=everywhere) for region in other.regions)
        other = replace(other, pixels=wide, grid=grid, regions=regions)
    collate = RegionDataCollator(processor)
    with torch.no_grad():
        together = run(model.eval(), collate([first, other])).region_features
        for place, question in enumerate((first, other)):
            alone = run(model, collate([question])).region_features
            assert together is not None
            assert alone is not None
            assert relative(together[place, : alone.shape[1]], alone[0]) < 1e-5


@pytest.mark.parametrize(
    ("picture", "expected"), [((1080, 1920), (756, 1344)), ((360, 640), (364, 644)), ((4000, 400), (3164, 308))]
)
def test_a_picture_keeps_its_shape_within_its_area(picture: tuple[int, int], expected: tuple[int, int]) -> None:
    image = ImageFormat(unit=28, stride=28, max_pixels=1296 * 28**2)
    height, width = image.size(*picture)
    assert height * width <= image.max_pixels
    assert (height, width) == expected
    assert image.grid(*picture) == (height // 28, width // 28)


def test_unsupported_backbones_are_refused_with_those_that_are() -> None:
    with pytest.raises(RegionHeadsError, match=r"'bert' is not supported; supported: internvl, llava, llava_next, "):
        adapter_for(BertConfig())
    with pytest.raises(RegionHeadsError, match=r"'gemma3' is not supported \(its image tokens see each other"):
        adapter_for(Gemma3Config())
    with pytest.raises(RegionHeadsError, match=r"could not read its configuration"):
        load_backbone_config("/nowhere/at/all")


def test_code_beside_a_backbone_is_never_run_nor_asked_about(tmp_path: Path) -> None:
    config = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    with pytest.raises(RegionHeadsError, match="could not read its configuration"):
        load_backbone_config(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_weights_that_are_no_safetensors_are_not_read(tmp_path: Path) -> None:
    backbone = build_backbone(small("llava"))
    backbone.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(backbone.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(RegionHeadsError, match=r"its weights cannot be read .*safetensors"):
        pretrained(str(tmp_path))


def test_settings_that_a_backbone_cannot_have_are_reported(
    built: tuple[RegionHeadsModel, RegionProcessor], table: pa.Table, tmp_path: Path
) -> None:
    for family in ("llava", "qwen3_vl"):
        build_backbone(small(family)).save_pretrained(tmp_path / family)
        built[1].tokenizer.save_pretrained(tmp_path / family)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected null, since .* keep their shape, found 4"):
        build(ModelSettings(backbone=str(tmp_path / "qwen3_vl"), image_token_grid=4), table)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected null, since .* keep their shape, found 4"):
        RegionHeadsModel(RegionHeadsConfig(backbone_config=small("qwen3_vl"), image_token_grid=4))
    with pytest.raises(RegionHeadsError, match=r"image_pixels: llava reads pictures of 56 x 56 pixels only"):
        build(ModelSettings(backbone=str(tmp_path / "llava"), image_token_grid=None, image_pixels=4000), table)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected at most 4, found 5"):
        build(ModelSettings(backbone=str(tmp_path / "llava"), image_token_grid=5), table)
