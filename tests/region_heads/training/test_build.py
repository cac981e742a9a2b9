"""What a training starts from: fresh weights, or those of a trained model."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from region_heads.errors import RegionHeadsError
from region_heads.modeling.settings import ModelSettings
from region_heads.training.build import build


@pytest.fixture
def trained(table: pa.Table, tmp_path: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    """A saved model and its weights."""
    torch.manual_seed(1)
    model, processor = build(ModelSettings(), table)
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    return tmp_path / "model", model.state_dict()


def test_it_goes_on_from_the_weights_and_vocabulary_of_a_trained_model(
    table: pa.Table, trained: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    folder, weights = trained
    fewer = table.slice(0, 2)  # of whose words alone another vocabulary would be made
    model, processor = build(ModelSettings(grounding_loss_weight=0.25), fewer, folder)
    assert all(torch.equal(found, weights[name]) for name, found in model.state_dict().items())
    assert len(processor.tokenizer) == model.config.backbone_config.text_config.vocab_size
    assert model.config.grounding_loss_weight == 0.25, "losses are the new training's"


def test_a_model_of_another_shape_is_refused_with_the_setting_that_differs(
    table: pa.Table, trained: tuple[Path, dict[str, torch.Tensor]]
) -> None:
    with pytest.raises(
        RegionHeadsError, match="head_size: expected 64, as the model that training starts from, found 32"
    ):
        build(ModelSettings(head_size=32), table, trained[0])
