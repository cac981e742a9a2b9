"""A model goes to the Hugging Face hub and comes back whole; the hub is a stand-in, its client is the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

import region_heads
from region_heads import Answerer, RegionHeadsModel, RegionProcessor
from region_heads.errors import RegionHeadsError
from tests.region_heads.hub_standin import HubStandin, hub_standin

Built = tuple[RegionHeadsModel, RegionProcessor]
ASKED = ("How far is <mask> from <mask>?", [[0, 0, 9, 9], [20, 0, 29, 9]])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubStandin]:
    with hub_standin() as running:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        template = running.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield running


def test_a_published_model_answers_as_it_did(built: Built, image_folder: Path, hub: HubStandin) -> None:
    model = Answerer(*built)
    address = model.push_to_hub("me/squares", token="hf_test")
    assert address.startswith(f"{hub.address}/me/squares/commit/")
    expected = {"README.md", "config.json", "model.safetensors", "region_processor.json", "tokenizer.json"}
    assert expected | {"text_encoder/model.safetensors"} <= set(hub.files["me/squares"])
    back = region_heads.load("me/squares")
    asked = image_folder / "0.png", *ASKED
    assert back.ask(*asked, without_depth=True) == model.ask(*asked, without_depth=True)
    direct = RegionHeadsModel.from_pretrained("me/squares")
    assert torch.equal(direct.state_dict()["region_encoder.position.weight"], built[0].region_encoder.position.weight)
    assert isinstance(AutoModel.from_pretrained("me/squares"), RegionHeadsModel)


@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_have_is_an_error_that_names_it() -> None:
    with pytest.raises(RegionHeadsError, match="me/nothing: expected a model folder or a model of the Hugging Face"):
        region_heads.load("me/nothing")
    with pytest.raises(RegionHeadsError, match="not/a/name: expected a model folder"):
        region_heads.load("not/a/name")


def test_a_model_alone_is_not_published(built: Built) -> None:
    with pytest.raises(RegionHeadsError, match="a model is published with its processor"):
        built[0].push_to_hub("me/half")


def test_transformers_auto_classes_read_a_model_folder(built: Built, tmp_path: Path) -> None:
    Answerer(*built).save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path).region_heads_cfg == built[0].config.region_heads_cfg
    assert AutoTokenizer.from_pretrained(tmp_path).convert_tokens_to_ids("<mask>") == built[1].mask_id
    model = AutoModel.from_pretrained(tmp_path)
    expected = built[0].state_dict()
    assert {name: torch.equal(weight, expected[name]) for name, weight in model.state_dict().items()} == dict.fromkeys(
        expected, True
    )
    with pytest.raises(RegionHeadsError, match="found 'device_map'"):
        AutoModel.from_pretrained(tmp_path, device_map="cpu")


def test_the_card_says_what_the_model_answers_and_is_not_written_over(built: Built, tmp_path: Path) -> None:
    Answerer(*built).save_pretrained(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "library_name: region-heads" in text
    for task in built[0].region_heads.heads:
        assert f"**{task}**" in text
    (tmp_path / "README.md").write_text("My own")
    Answerer(*built).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "My own"
