"""A saved model is read whole: nothing is drawn at random, its tasks are those it names, heads stay in fp32."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import load, predict
from region_heads.tasks import TASK_NAMES
from region_heads.training.build import build
from tests.region_heads.modeling.test_routing import run

Built = tuple[RegionHeadsModel, RegionProcessor]


@pytest.fixture
def saved(built: Built, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    built[0].save_pretrained(folder)
    built[1].save_pretrained(folder)
    return folder


def _edit_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(change(weights), folder / "model.safetensors")


@pytest.mark.parametrize("part", ["region_heads.heads.counting.", "region_encoder.", "backbone."])
def test_a_missing_weight_is_refused_by_name(saved: Path, part: str) -> None:
    _edit_weights(saved, lambda weights: {k: v for k, v in weights.items() if not k.startswith(part)})
    with pytest.raises(RegionHeadsError, match=rf"expected weights that are not there: {part}"):
        load(saved)


def test_a_weight_of_another_shape_or_model_is_refused_by_name(saved: Path) -> None:
    name = "region_heads.heads.counting.marked.layers.0.weight"
    held = load_file(saved / "model.safetensors")
    _edit_weights(saved, lambda weights: weights | {name: weights[name][..., :1].clone()})
    with pytest.raises(RegionHeadsError, match=rf"weight {name}: expected the shape"):
        load(saved)
    _edit_weights(saved, lambda _: held | {"region_heads.heads.area.weight": torch.zeros(1)})
    with pytest.raises(RegionHeadsError, match=r"weights of another model .* region_heads\.heads\.area"):
        load(saved)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: torch.full_like(w, float("nan")), "expected finite numbers"),
        (lambda w: torch.full_like(w, float("-inf")), "expected finite numbers"),
        (lambda w: w.to(torch.int32), r"numbers of the type torch\.int32"),
    ],
)
@pytest.mark.parametrize("part", ["backbone.", "region_heads.heads.counting."])
def test_a_weight_that_is_no_number_is_refused_by_name(saved: Path, change: Any, said: str, part: str) -> None:
    name = next(name for name in load_file(saved / "model.safetensors") if name.startswith(part))
    _edit_weights(saved, lambda weights: weights | {name: change(weights[name])})
    with pytest.raises(RegionHeadsError, match=rf"weight {name}: .*{said}"):
        load(saved)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"mask_token_id": 7}),
        ("config.json", {"image_token_grid": 3}),
        ("config.json", {"region_heads_cfg": {"counting": {"enabled": "no"}}}),
        ("config.json", {"region_heads_cfg": {"counting": {"enabled": True, "dropout": 5}}}),
        ("config.json", {"region_heads_cfg": {"counting": {"enabled": True, "max_count": "many"}}}),
        ("config.json", {"head_size": "64"}),
        ("config.json", {"depth_share": 7}),
        ("config.json", {"depth_share": float("nan")}),
        ("config.json", {"depth_share": "all"}),
        ("tokenizer.json", "<mask>"),
    ],
)
def test_configuration_and_tokenizer_are_those_of_the_model_or_it_is_refused(
    saved: Path, file: str, change: Any
) -> None:
    text = (saved / file).read_text()
    text = text.replace(change, "<mosk>") if isinstance(change, str) else json.dumps(json.loads(text) | change)
    (saved / file).write_text(text)
    with pytest.raises(RegionHeadsError, match=str(saved)):
        load(saved)


def test_loading_draws_nothing_at_random(saved: Path) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load(saved)
    assert torch.equal(before, torch.get_rng_state())


def test_a_task_that_was_unknown_when_the_model_was_saved_is_not_enabled(saved: Path) -> None:
    path = saved / "config.json"
    content = json.loads(path.read_text())
    del content["region_heads_cfg"]["counting"]
    path.write_text(json.dumps(content))
    _edit_weights(saved, lambda weights: {k: v for k, v in weights.items() if ".counting." not in k})
    assert set(load(saved).network.region_heads.heads) == set(TASK_NAMES) - {"counting"}
    assert set(RegionHeadsConfig.from_pretrained(saved).region_heads_cfg) == set(TASK_NAMES)


@pytest.mark.parametrize(
    "file", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json", "region_processor.json"]
)
@pytest.mark.parametrize("damage", ["cut", "missing", "garbage"])
def test_a_damaged_model_folder_is_reported_in_words(saved: Path, file: str, damage: str) -> None:
    path = saved / file
    if not path.is_file():
        (path,) = [one for one in saved.glob("*.json") if "process" in one.name]
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage == "cut" else b"{]")
    with pytest.raises(RegionHeadsError, match=str(saved)):
        load(saved)


def test_weights_are_as_readable_as_the_files_beside_them(saved: Path) -> None:
    assert len({path.stat().st_mode for path in saved.rglob("*") if path.is_file()}) == 1


def test_region_path_and_heads_compute_in_fp32_under_autocast(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator
) -> None:
    model, batch = built[0], collate([dataset[row] for row in range(12)])
    kinds: dict[str, set[torch.dtype]] = {}
    hooks = [
        module.register_forward_hook(
            lambda _, given, out, name=name: kinds.setdefault(name.partition(".")[0], set()).update(
                {given[0].dtype, out.dtype}
            )
        )
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        run(model, batch)
    for hook in hooks:
        hook.remove()
    assert kinds["region_heads"] == kinds["region_encoder"] == {torch.float32}
    assert torch.bfloat16 in kinds["backbone"]


def test_the_counting_head_is_as_large_as_the_data_or_says_what_it_cannot(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, table: pa.Table, tmp_path: Path
) -> None:
    place = table.schema.get_field_index("target_count")
    many = pa.array([None if value is None else 25 for value in table["target_count"].to_pylist()], pa.int32())
    large = table.set_column(place, table.schema.field(place), many)
    model, processor = build(ModelSettings(), large)
    assert model.region_heads.heads["counting"].max_count == 25
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    assert load(tmp_path / "model").network.region_heads.heads["counting"].max_count == 25
    batch = collate([dataset[row] for row in range(table.num_rows)])
    batch.targets.target["counting"] = torch.full_like(batch.targets.target["counting"], 25)
    with pytest.raises(RegionHeadsError, match="expected counts from 0 to 16"):
        run(built[0], batch)


def test_labels_that_the_counting_head_cannot_say_are_reported(
    saved: Path, table: pa.Table, image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = table.schema.get_field_index("target_count")

    def counted(number: int) -> pa.Table:
        values = [None if value is None else number for value in table["target_count"].to_pylist()]
        return table.set_column(place, table.schema.field(place), pa.array(values, pa.int32()))

    predict(saved, counted(16), image_folder)
    assert not caplog.records
    predict(saved, counted(17), image_folder)
    assert "6 of 30 questions have a target_count above 16" in caplog.text
    with pytest.raises(RegionHeadsError, match=r"expected at most 16, .* found 17; start from scratch"):
        build(ModelSettings(), counted(17), saved)
    with pytest.raises(RegionHeadsError, match="record q4: field target_count: expected a whole count from 0 to 1,000"):
        build(ModelSettings(), counted(2**31 - 1))


def test_a_question_without_a_label_is_answered_and_teaches_nothing(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, table: pa.Table, image_folder: Path
) -> None:
    rows = table.slice(0, 10).to_pylist()
    silent = {"target_distance": None, "target_side": None, "target_region": None, "target_count": None}
    mixed = pa.Table.from_pylist([row | (silent if n % 3 == 0 else {}) for n, row in enumerate(rows)], table.schema)
    labelled = [n for n in range(10) if n % 3]
    partly = RegionDataset(mixed, image_folder, built[1])
    batch, alone = collate([partly[n] for n in range(10)]), collate([dataset[n] for n in labelled])
    with torch.no_grad():
        ours, theirs = run(built[0], batch), run(built[0], alone)
    assert sum(len(output.answer) for output in (ours.outputs or {}).values()) == 10
    assert ours.loss is not None
    assert theirs.loss is not None
    assert float(ours.loss) == pytest.approx(float(theirs.loss), rel=1e-4)


@pytest.mark.parametrize(
    "damage",
    ["no weights", "cut weights", "a weight less", "more layers", "no tokenizer", "a weight that is no number",
     '{"image_mean": 0.5, "image_std": 0.5}', '{"image_mean": [NaN, 0.5, 0.5]}', '{"image_std": [0, 0.5, 0.5]}', "[1]"],
)  # fmt: skip
def test_an_incomplete_backbone_folder_is_reported_before_training(
    built: Built, table: pa.Table, tmp_path: Path, damage: str
) -> None:
    from tests.region_heads.modeling.test_backbones import build_backbone, small

    folder = tmp_path / "backbone"
    build_backbone(small("llava")).save_pretrained(folder)
    built[1].tokenizer.save_pretrained(folder)
    weights = folder / "model.safetensors"
    if damage == "no weights":
        weights.unlink()
    elif damage == "cut weights":
        weights.write_bytes(weights.read_bytes()[:20000])
    elif damage == "a weight less":
        _edit_weights(folder, lambda held: dict(sorted(held.items())[:-1]))
    elif damage == "more layers":
        name = next(one for one in load_file(weights) if "layers.2.input_layernorm" in one)
        _edit_weights(folder, lambda held: held | {name.replace("layers.2", "layers.3"): held[name].clone()})
    elif damage == "no tokenizer":
        for path in folder.glob("tokenizer*"):
            path.unlink()
    elif damage == "a weight that is no number":
        name = next(iter(load_file(weights)))
        _edit_weights(folder, lambda held: held | {name: torch.full_like(held[name], float("nan"))})
    else:
        (folder / "preprocessor_config.json").write_text(damage)
    with pytest.raises(RegionHeadsError, match=str(tmp_path)):
        build(ModelSettings(backbone=str(folder), image_token_grid=None), table)
    shutil.rmtree(folder)
