"""Backbones: each family by its real architecture, with small random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import (
    BertConfig,
    CLIPVisionConfig,
    Idefics3Config,
    LlamaConfig,
    LlavaConfig,
    LlavaOnevisionConfig,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    Qwen2_5_VLConfig,
    Qwen2Config,
    Qwen3VLConfig,
    SiglipVisionConfig,
    SmolVLMConfig,
)

from region_heads import RegionHeadsConfig, RegionHeadsModel
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones import adapter_for, build_backbone, load_backbone_config
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import predict
from region_heads.training.build import build
from tests.region_heads.modeling.test_packing import collator, relative
from tests.region_heads.modeling.test_routing import run

_TEXT = {
    "vocab_size": 1200, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048,
}  # fmt: skip
_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_QWEN_ROPE = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}}


def small(family: str) -> PretrainedConfig:
    """A configuration of the family's real architecture of some ten thousand weights."""
    match family:
        case "llava":
            return LlavaConfig(
                vision_config=CLIPVisionConfig(image_size=56, patch_size=14, **_TOWER), text_config=LlamaConfig(**_TEXT)
            )
        case "llava_onevision":
            return LlavaOnevisionConfig(
                vision_config=SiglipVisionConfig(image_size=60, patch_size=14, vision_use_head=False, **_TOWER),
                text_config=Qwen2Config(**_TEXT),
                vision_feature_select_strategy="full",
            )
        case "qwen2_5_vl":
            return Qwen2_5_VLConfig(
                vision_config={
                    "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
                    "fullatt_block_indexes": [1], "window_size": 56,
                },
                text_config=_TEXT | _QWEN_ROPE,
            )  # fmt: skip
        case "qwen3_vl":
            return Qwen3VLConfig(
                vision_config={
                    "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32,
                    "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64,
                },
                text_config=_TEXT | {"head_dim": 8} | _QWEN_ROPE,
            )  # fmt: skip
        case _:
            generation = {"smolvlm": SmolVLMConfig, "idefics3": Idefics3Config}[family]
            return generation(
                vision_config={"image_size": 64, "patch_size": 16, **_TOWER},
                text_config=LlamaConfig(**_TEXT),
                scale_factor=2,
            )


@pytest.fixture(params=["llava", "llava_onevision", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3"])
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
    shaped = family in ("qwen2_5_vl", "qwen3_vl")
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
    assert rest == ["model.image_newline"] * (family == "llava_onevision")  # belongs to the crops that are left out

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


def test_the_picture_reaches_the_answer_where_the_region_is(
    folder: Path, family: str, table: pa.Table, image_folder: Path
) -> None:
    """A change of the picture inside a region changes the region's own features, whatever the grid."""
    model, processor = build(settings(folder, family), table)
    dataset = RegionDataset(table, image_folder, processor)
    question = dataset[0]
    rows, columns = question.grid
    cell = question.regions[0].coverage.argmax()
    height, width = question.pixels.shape[1] // rows, question.pixels.shape[2] // columns
    y, x = cell // columns * height, cell % columns * width
    pixels = question.pixels.copy()
    pixels[:, y : y + height, x : x + width] += 3.0
    batch = RegionDataCollator(processor)([question, replace(question, image="changed", pixels=pixels)])
    with torch.no_grad():
        features = adapter_for(model.config.backbone_config).image_features(
            model.backbone, batch.pixel_values, batch.grids
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
    ("picture", "expected"), [((1080, 1920), (756, 1344)), ((360, 640), (364, 644)), ((4000, 400), (3192, 308))]
)
def test_a_picture_keeps_its_shape_within_its_area(picture: tuple[int, int], expected: tuple[int, int]) -> None:
    image = ImageFormat(unit=28, stride=28, max_pixels=1296 * 28**2)
    height, width = image.size(*picture)
    assert height * width <= image.max_pixels
    assert (height, width) == expected
    assert image.grid(*picture) == (height // 28, width // 28)


def test_unsupported_backbones_are_refused_with_those_that_are() -> None:
    with pytest.raises(RegionHeadsError, match=r"'bert' is not supported; supported: llava, llava_onevision, qwen2_5"):
        adapter_for(BertConfig())
    with pytest.raises(RegionHeadsError, match=r"could not read its configuration"):
        load_backbone_config("/nowhere/at/all")


def test_settings_that_a_backbone_cannot_have_are_reported(
    built: tuple[RegionHeadsModel, RegionProcessor], table: pa.Table, tmp_path: Path
) -> None:
    for family in ("llava", "qwen3_vl"):
        build_backbone(small(family)).save_pretrained(tmp_path / family)
        built[1].tokenizer.save_pretrained(tmp_path / family)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected null, since .* keep their shape, found 4"):
        build(ModelSettings(backbone=str(tmp_path / "qwen3_vl"), image_token_grid=4), table)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected null, since .* keep their shape, found 4"):
        RegionHeadsModel(RegionHeadsConfig(backbone_config=small("qwen3_vl")))
    with pytest.raises(RegionHeadsError, match=r"image_pixels: llava reads pictures of 56 x 56 pixels only"):
        build(ModelSettings(backbone=str(tmp_path / "llava"), image_token_grid=None, image_pixels=4000), table)
    with pytest.raises(RegionHeadsError, match=r"image_token_grid: expected at most 4, found 5"):
        build(ModelSettings(backbone=str(tmp_path / "llava"), image_token_grid=5), table)
