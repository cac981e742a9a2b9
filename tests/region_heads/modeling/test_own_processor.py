"""What a pretrained backbone is fed is what its own processor, as transformers has it, would feed it.

Token ids equal, and last hidden states but for the rounding of stored pixels; the regions' part, which no processor
knows, is taken out by a region encoder of zeros.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.settings import ModelSettings
from region_heads.rle import box_counts
from region_heads.training.build import build
from region_heads.training.policies import apply
from region_heads.training.settings import Parts, TrainingPolicy
from tests.region_heads.modeling.own_processors import FAMILIES, write_model
from tests.region_heads.modeling.test_packing import relative
from tests.region_heads.modeling.test_routing import run

QUESTION = "How far is <mask> from the pallet <mask>?"
SHAPES = {"wide": (108, 192), "tall": (160, 70), "square": (112, 112)}


def one_question(table: pa.Table, folder: Path, height: int, width: int) -> pa.Table:
    """The table's first question, about a picture of this size."""
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((width, height))
    smooth.save(folder / "picture.png")
    rle = [box_counts((left, 4.0, left + 20.0, 30.0), height=height, width=width) for left in (2.0, 40.0)]
    row = table.slice(0, 1).to_pylist()[0]
    row |= {"image": "picture.png", "depth": None, "height": height, "width": width, "question": QUESTION, "rle": rle}
    return pa.Table.from_pylist([row], schema=table.schema)


class Fed(NamedTuple):
    """One question as this project feeds it, and as the family's own processor and model have it."""

    ids: list[int]
    own_ids: list[int]
    hidden: Tensor  # [L, D]
    own_hidden: Tensor  # [L, D]
    signs: list[int]  # what stands behind the question: read-outs and the answer token
    pictures: list[int]  # places of the picture's tokens


def fed(family: str, shape: str, table: pa.Table, folder: Path, pictures: int = 1) -> Fed:
    """Asks about a picture of the shape; the family's own model may see it several times."""
    own = write_model(folder / "backbone", family)
    asked = one_question(table, folder, *SHAPES[shape])
    patch = FAMILIES[family].patch
    model, processor = build(
        ModelSettings(backbone=str(folder / "backbone"), image_pixels=64 * (2 * patch) ** 2 if patch else None), table
    )
    with torch.no_grad():
        for weight in model.region_encoder.parameters():
            weight.zero_()
    batch = RegionDataCollator(processor)([RegionDataset(asked, folder, processor)[0]])

    own.tokenizer = processor.tokenizer  # with <mask> as one token
    content = [*[{"type": "image"}] * pictures, {"type": "text", "text": QUESTION}]
    text = own.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
    images = [[Image.open(folder / "picture.png")] * pictures]
    inputs: Any = own(images=images, text=[text], return_tensors="pt")
    theirs = AutoModelForImageTextToText.from_pretrained(folder / "backbone").eval()
    theirs.resize_token_embeddings(model.backbone.get_input_embeddings().num_embeddings)
    theirs.load_state_dict(model.backbone.state_dict())
    with torch.no_grad():
        expected = theirs(**inputs, output_hidden_states=True).hidden_states[-1]
        found = run(model.eval(), batch).hidden_states
    assert found is not None
    ours = batch.input_ids[0].clone()
    held = batch.image_positions[0][batch.image_positions[0] >= 0]
    ours[held] = theirs.config.image_token_id
    signs = [processor.read_out_id] * 2 + [processor.answer_id]
    return Fed(ours.tolist(), inputs["input_ids"][0].tolist(), found[0], expected[0], signs, held.tolist())


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        (family, shape)
        for family, kind in FAMILIES.items()
        for shape in (SHAPES if kind.any_shape else ["square"])
        if family != "llava_onevision"
    ],
)
def test_ids_and_hidden_states_are_those_of_the_familys_own_processor_and_model(
    family: str, shape: str, table: pa.Table, tmp_path: Path
) -> None:
    found = fed(family, shape, table, tmp_path)
    assert found.ids == found.own_ids + found.signs
    assert relative(found.hidden[: len(found.own_ids)], found.own_hidden) < 1e-3


def test_onevision_is_fed_a_picture_as_its_own_processor_feeds_one_of_several(table: pa.Table, tmp_path: Path) -> None:
    """A picture of its own would be cut into crops, which are left out; of several, each is read once."""
    found = fed("llava_onevision", "square", table, tmp_path, pictures=2)
    end = found.pictures[-1] + 1
    assert found.ids[:end] == found.own_ids[:end]
    assert found.own_ids[end:] == found.own_ids[found.pictures[0] : end] + found.ids[end : -len(found.signs)]
    assert relative(found.hidden[:end], found.own_hidden[:end]) < 1e-3


@pytest.mark.parametrize("height", [20, 360, 1080, 4000])
@pytest.mark.parametrize("width", [33, 640, 1920])
@pytest.mark.parametrize(("unit", "least", "most"), [(28, 4, 1296), (32, 256, 1024)])
def test_pictures_that_keep_their_shape_have_the_sizes_of_qwens_rule(
    height: int, width: int, unit: int, least: int, most: int
) -> None:
    image = ImageFormat(unit=unit, stride=unit, min_pixels=least * unit**2, max_pixels=most * unit**2)
    assert image.size(height, width) == smart_resize(height, width, unit, image.min_pixels, image.max_pixels)


def test_new_tokens_begin_as_the_mean_of_all_words_and_regions_as_large_as_words(
    table: pa.Table, tmp_path: Path
) -> None:
    write_model(tmp_path / "backbone", "qwen3_vl")
    model, processor = build(ModelSettings(backbone=str(tmp_path / "backbone")), table)
    words = model.backbone.get_input_embeddings().weight[: len(processor.tokenizer) - 3]
    for token in (processor.mask_id, processor.read_out_id, processor.answer_id):
        assert torch.allclose(model.backbone.get_input_embeddings().weight[token], words.mean(0))
    seen: list[Tensor] = []
    model.region_encoder.embed.register_forward_hook(lambda *given: seen.append(given[-1]))
    asked = one_question(table, tmp_path, 112, 112)
    run(model.eval(), RegionDataCollator(processor)([RegionDataset(asked, tmp_path, processor)[0]]))
    size = float(seen[0].square().mean().sqrt() / words.square().mean().sqrt())
    assert 0.2 < size < 5


def test_new_tokens_are_learned_beside_a_frozen_vocabulary(table: pa.Table, tmp_path: Path) -> None:
    write_model(tmp_path / "backbone", "qwen3_vl")
    model, processor = build(ModelSettings(backbone=str(tmp_path / "backbone")), table)
    apply(TrainingPolicy(parts=Parts(vision="frozen", projector="frozen", language="frozen")), model)
    asked = one_question(table, tmp_path, 112, 112)
    loss = run(model, RegionDataCollator(processor)([RegionDataset(asked, tmp_path, processor)[0]])).loss
    assert loss is not None
    loss.backward()
    assert model.new_tokens is not None and model.new_tokens.grad is not None
    assert (model.new_tokens.grad.abs().amax(-1) > 0).all(), "each of the three"
    assert model.backbone.get_input_embeddings().weight.grad is None


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        (
            "chat_template.jinja",
            "{{ messages[0].content[1].text }}",
            r"expected one that writes <.vision_start.>.*, found",
        ),
        ("chat_template.jinja", "{% if %}", r"expected one that writes .*, found"),
        ("chat_template.json", "{broken", r"its chat template cannot be read"),
        ("preprocessor_config.json", '{"resample": "sharp"}', r"field resample: expected .* found 'sharp'"),
        ("preprocessor_config.json", '{"size": {"shortest_edge": -1}}', r"field min_pixels: expected .* found -1"),
    ],
)
def test_what_a_backbone_says_of_its_questions_and_pictures_is_refused_where_it_cannot_be(
    file: str, content: str, told: str, table: pa.Table, tmp_path: Path
) -> None:
    write_model(tmp_path / "backbone", "qwen3_vl")
    (tmp_path / "backbone" / file).write_text(content, encoding="utf-8")
    with pytest.raises(RegionHeadsError, match=told):
        build(ModelSettings(backbone=str(tmp_path / "backbone")), table)


@pytest.mark.parametrize("longest", [True, 40, "long"])
def test_a_longer_side_without_a_tile_is_refused(longest: object, table: pa.Table, tmp_path: Path) -> None:
    write_model(tmp_path / "backbone", "smolvlm")
    content = json.dumps({"size": {"longest_edge": longest}})
    (tmp_path / "backbone" / "preprocessor_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(RegionHeadsError, match=r"size.longest_edge: expected at least 64 pixels, a tile's side, found"):
        build(ModelSettings(backbone=str(tmp_path / "backbone")), table)


@pytest.mark.parametrize("tiles", [0, True, "many"])
def test_a_number_of_tiles_that_is_none_is_refused(tiles: object, table: pa.Table, tmp_path: Path) -> None:
    write_model(tmp_path / "backbone", "internvl")
    (tmp_path / "backbone" / "preprocessor_config.json").write_text(json.dumps({"max_patches": tiles}))
    with pytest.raises(RegionHeadsError, match=r"max_patches: expected a number of tiles, found"):
        build(ModelSettings(backbone=str(tmp_path / "backbone")), table)


def test_a_limit_of_pixels_also_holds_for_small_pictures(table: pa.Table, tmp_path: Path) -> None:
    write_model(tmp_path / "backbone", "qwen3_vl")
    settings = ModelSettings(backbone=str(tmp_path / "backbone"), image_pixels=2 * 32**2)
    image = build(settings, table)[1].image_format
    for height, width in ((30, 30), (480, 640), (64, 200)):
        tall, wide = image.size(height, width)
        assert tall * wide <= 2 * 32**2
