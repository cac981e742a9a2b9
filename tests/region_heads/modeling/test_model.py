"""The model: saved and loaded exactly, configured by name, clear about what it does not know."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads import RegionHeadsConfig, RegionHeadsModel
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.batch import Targets
from region_heads.modeling.loss import naming_losses
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import predict
from region_heads.records import PREDICTION_SCHEMA
from region_heads.tasks import TASK_NAMES
from region_heads.training.build import build

Built = tuple[RegionHeadsModel, RegionProcessor]


def test_a_saved_model_answers_the_same(
    built: Built, table: pa.Table, image_folder: Path, tmp_path: Path, dataset: RegionDataset
) -> None:
    model, processor = built
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded = RegionHeadsModel.from_pretrained(tmp_path)
    ours, theirs = model.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not list(tmp_path.glob("*.bin"))
    batch = RegionDataCollator(processor)([dataset[row] for row in range(30)])
    with torch.no_grad():
        before, after = model(batch=batch), loaded.eval()(batch=batch)
    for task, output in before.outputs.items():
        assert torch.equal(output.answer, after.outputs[task].answer)
        assert torch.equal(output.confidence, after.outputs[task].confidence)

    first = predict(tmp_path, table, image_folder)
    assert first.schema.equals(PREDICTION_SCHEMA)
    assert first["id"].to_pylist() == table["id"].to_pylist()
    assert first["task"].to_pylist() == table["task"].to_pylist()
    shuffled = table.take(list(reversed(range(table.num_rows))))
    again = predict(tmp_path, shuffled, image_folder, batch_size=7)
    assert again["prediction"].to_pylist()[::-1] == first["prediction"].to_pylist()


def test_a_disabled_head_is_absent_and_named_when_needed(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    settings = ModelSettings(region_heads_cfg={"counting": {"enabled": False}})
    model, processor = build(settings, table)
    assert "counting" not in model.region_heads.heads
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    with pytest.raises(RegionHeadsError, match=r"no enabled head for counting"):
        predict(tmp_path, table, image_folder)


def test_unknown_tasks_in_the_configuration_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown task 'distances'; known: distance, left_right"):
        RegionHeadsConfig(region_heads_cfg={"distances": {"enabled": True}})


def test_unknown_fields_of_a_head_are_refused_with_those_that_it_has() -> None:
    with pytest.raises(ValueError, match=r"region_heads_cfg.distance: unknown field 'drop_out'; known: dropout, enab"):
        RegionHeadsConfig(region_heads_cfg={"distance": {"drop_out": 0.2}})


def test_defaults_are_said_once_and_a_saved_configuration_keeps_its_values() -> None:
    settings, config = ModelSettings(), RegionHeadsConfig()
    for key in set(ModelSettings.model_fields) & set(vars(config)) - {"region_heads_cfg", "loss_weights"}:
        assert getattr(config, key) == getattr(settings, key), key
    assert config.region_heads_cfg == {task: settings.head(task).model_dump() for task in TASK_NAMES}
    saved = RegionHeadsConfig(
        image_token_grid=None, region_heads_cfg={task: {"dropout": 0.0} for task in TASK_NAMES}
    ).to_diff_dict()
    read = RegionHeadsConfig.from_dict(saved)
    assert read.image_token_grid is None
    assert {head["dropout"] for head in read.region_heads_cfg.values()} == {0.0}


def test_the_words_decide(built: Built, table: pa.Table, image_folder: Path) -> None:
    """Read-out tokens come after the question: the same regions look different to another question."""
    model, processor = built
    pair = table.take([3, 3]).to_pylist()
    pair[1]["question"] = pair[1]["question"].replace("leftmost", "rightmost")
    dataset = RegionDataset(pa.Table.from_pylist(pair, schema=table.schema), image_folder, processor)
    batch = RegionDataCollator(processor)([dataset[0], dataset[1]])
    with torch.no_grad():
        states = model(batch=batch).region_features
    assert float((states[0] - states[1]).abs().max()) > 1e-3


def test_the_language_model_loss_joins_only_when_asked(table: pa.Table, image_folder: Path) -> None:
    for weight in (0.0, 0.5):
        torch.manual_seed(0)
        model, processor = build(ModelSettings(language_loss_weight=weight), table)
        dataset = RegionDataset(table, image_folder, processor, text_answer="freeform" if weight > 0 else None)
        batch = RegionDataCollator(processor)([dataset[row] for row in range(5)])
        output = model(batch=batch)
        assert output.losses is not None
        assert ("language" in output.losses) == (weight > 0)


@given(seed=st.integers(0, 999), names=st.integers(1, 6), cut=st.integers(0, 6))
@settings(max_examples=20, deadline=None)
def test_what_a_name_teaches_does_not_depend_on_those_beside_it(seed: int, names: int, cut: int) -> None:
    """Else ranks and accumulated batches would change what is learned."""
    generator = torch.Generator().manual_seed(seed)
    looks, words = torch.randn(2, 3, 4, generator=generator), torch.randn(9, 4, generator=generator)
    places = torch.randint(6, (names,), generator=generator)
    said = torch.randint(-1, 9, (names, 3), generator=generator)

    def losses(rows: slice) -> torch.Tensor:
        nothing = torch.empty(0, 0)
        targets = Targets({}, nothing, nothing, nothing, nothing, named=places[rows], names=said[rows])
        shares = {token: 0.1 + 0.05 * token for token in range(9)}
        return naming_losses(lambda one, other: one @ other.mT, lambda tokens: words[tokens], looks, targets, shares)

    together = losses(slice(None))
    assert together.shape == (names,)
    assert torch.allclose(together, torch.cat([losses(slice(cut)), losses(slice(cut, None))]), atol=1e-5)
