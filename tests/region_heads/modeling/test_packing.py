"""Packing: questions behind one image answer, and teach, as each alone behind its own."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.packing import block_mask, row_length
from tests.region_heads.modeling.test_routing import run

Built = tuple[RegionHeadsModel, RegionProcessor]
relaxed = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ROWS = st.lists(st.integers(0, 29), min_size=2, max_size=14, unique=True)


def collator(processor: RegionProcessor, length: int | None) -> RegionDataCollator:
    other = copy.copy(processor)
    other.prompt = replace(processor.prompt, row_length=length)
    return RegionDataCollator(other)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest difference as a share of the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-12))


@relaxed
@given(ROWS, st.integers(60, 400))
def test_hidden_states_losses_and_gradients_are_those_of_separate_rows(
    built: Built, dataset: RegionDataset, rows: list[int], length: int
) -> None:
    model, questions = copy.deepcopy(built[0]), [dataset[row] for row in rows]
    batches = [collator(built[1], limit)(questions) for limit in (length, None)]
    found = []
    for batch in batches:
        model.zero_grad()
        output = run(model, batch)
        output.loss.backward()
        hidden = [
            output.hidden_states[r, start:end]
            for r, start, end in zip(
                batch.row_index,
                [positions[positions >= 0].min() for positions in batch.mask_positions],
                batch.answer_positions + 1,
                strict=True,
            )
        ]
        gradients = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
        found.append((torch.cat(hidden), output.loss, gradients))
    (hidden, loss, gradients), (alone_hidden, alone_loss, alone_gradients) = found
    assert relative(hidden, alone_hidden) < 1e-5
    assert relative(loss, alone_loss) < 1e-5
    largest = max(float(gradient.abs().max()) for gradient in alone_gradients.values())
    for name, gradient in gradients.items():
        assert float((gradient - alone_gradients[name]).abs().max()) < 1e-5 * largest, name


@relaxed
@given(ROWS, st.randoms(use_true_random=False))
def test_an_answer_does_not_depend_on_what_shares_its_row(
    built: Built, dataset: RegionDataset, rows: list[int], random: object
) -> None:
    collate = collator(built[1], 10**6)
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    with torch.no_grad():
        features = run(built[0], collate([dataset[row] for row in mixed])).region_features
        for place, row in enumerate(mixed):
            alone = run(built[0], collate([dataset[row]])).region_features
            assert relative(features[place, : alone.shape[1]], alone[0]) < 1e-5


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(1, 4), st.integers(0, 3))
def test_a_token_sees_the_image_and_its_own_question_up_to_itself(
    lengths: list[int], prefix: int, padding: int
) -> None:
    segments = [0] * prefix + [k for k, length in enumerate(lengths, 1) for _ in range(length)] + [-1] * padding
    mask = block_mask(torch.tensor([segments]))[0, 0]
    for i, asks in enumerate(segments):
        for j, seen in enumerate(segments):
            assert bool(mask[i, j]) == (j <= i and seen in (0, asks))


def test_rows_are_filled_up_to_their_length_and_hold_one_image_each(built: Built, dataset: RegionDataset) -> None:
    questions = [dataset[row] for row in (0, 7, 1, 6, 2, 3)]
    length = 16 + 2 * max(len(question.tokens.ids) for question in questions)
    batch = collator(built[1], length)(questions)
    assert batch.input_ids.shape[1] <= length
    for row in range(len(batch.input_ids)):
        here = [question.image for question, r in zip(questions, batch.row_index, strict=True) if r == row]
        assert len(set(here)) == 1
        assert batch.segments[row].max() == len(here)
    assert len(batch.input_ids) < len(questions)
    separate = collator(built[1], None)(questions)
    assert separate.row_index.tolist() == list(range(6))


def test_a_question_goes_where_it_leaves_the_least_room(built: Built, dataset: RegionDataset) -> None:
    """Who fills the newest row alone takes three: 30, then 30 and 20, then 20."""
    one = dataset[0]
    asked = [replace(one, tokens=replace(one.tokens, ids=one.tokens.ids[:1] * size)) for size in (30, 30, 20, 20)]
    prefix = len(built[1].prefix(one.grid))
    batch = collator(built[1], prefix + 50)(asked)
    assert len(batch.input_ids) == 2
    assert sorted((batch.row_index == row).sum().item() for row in range(2)) == [2, 2]
    assert (batch.segments >= 0).all(), "nothing pads"


def test_the_length_of_a_row_is_where_a_question_costs_least(built: Built) -> None:
    config = built[0].config.backbone_config
    text = config.text_config
    weights = (4 * text.hidden_size**2 + 3 * text.hidden_size * text.intermediate_size) / (2 * text.hidden_size)
    image, question = 16, 30.0

    def cost(questions: float) -> float:
        return (image / questions + question) * (weights + image + questions * question)

    best = (row_length(config, image) - image) / question
    assert cost(best) <= min(cost(best * 1.1), cost(best / 1.1)) * (1 + 1e-3)


def test_backbones_that_cannot_are_not_packed(built: Built) -> None:
    from transformers import LlavaConfig, MistralConfig

    from region_heads.modeling.packing import can_pack

    assert can_pack(built[0].config.backbone_config)
    assert not can_pack(LlavaConfig(text_config=MistralConfig(sliding_window=64)))
    assert can_pack(LlavaConfig(text_config=MistralConfig(sliding_window=None)))


@pytest.mark.parametrize("length", [None, 200])
def test_the_text_answer_is_learned_alike(built: Built, dataset: RegionDataset, length: int | None) -> None:
    model = copy.deepcopy(built[0])
    model.config.language_loss_weight = 1.0
    told = copy.copy(dataset)
    told._text_answer = "typed"
    questions = [told[row] for row in range(8)]
    losses = run(model, collator(built[1], length)(questions)).losses
    alone = [run(model, collator(built[1], None)([question])).losses["language"] for question in questions]
    assert losses["language"][1] == sum(number for _, number in alone)
    assert relative(losses["language"][0], sum(total for total, _ in alone)) < 1e-5
