"""What each head promises about its answers, whatever its weights."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from region_heads.close_ups import CLOSE_UP
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.heads import HeadInputs, HeadTargets
from region_heads.modeling.heads.base import Description, Selector, choose, in_steps
from region_heads.modeling.heads.counting import Placement, how_many
from region_heads.modeling.region_encoder import RegionEncoder
from region_heads.modeling.routing import head_class
from region_heads.tasks import TASKS

D, Z, W = 12, 9, 7
quick = settings(max_examples=25, deadline=None)


def inputs(seed: int, n: int, regions: int, *, scale: float = 1.0) -> HeadInputs:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return scale * torch.randn(*shape, generator=generator)

    return HeadInputs(
        states=draw(n, regions, D),
        vectors=draw(n, regions, Z),
        positions=draw(n, regions, 3),
        inside=draw(n, regions, regions).sigmoid(),
        question=draw(n, D),
        words=draw(n, W, D),
        fits=draw(n, regions, W),
        valid=torch.arange(regions)[None] < torch.randint(2, regions + 1, (n, 1), generator=generator),
        limit=draw(n).clamp_min(0),
    )


def head(name: str, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return head_class(name)(state_size=D, vector_size=Z, hidden_size=8, dropout=0.0).eval()


def permuted(given_: HeadInputs, order: Tensor) -> HeadInputs:
    return HeadInputs(
        given_.states[:, order], given_.vectors[:, order], given_.positions[:, order],
        given_.inside[:, order][:, :, order], given_.question, given_.words, given_.fits[:, order],
        given_.valid[:, order], limit=given_.limit,
    )  # fmt: skip


@pytest.mark.parametrize("name", [task.name for task in TASKS])
@quick
@given(seed=st.integers(0, 999), n=st.integers(0, 5), regions=st.integers(2, 6), scale=st.floats(0.1, 30))
def test_answers_are_sound_for_any_number_of_questions_and_regions(
    name: str, seed: int, n: int, regions: int, scale: float
) -> None:
    given_ = inputs(seed, n, regions, scale=scale)
    output = head(name, seed)(given_)
    assert output.answer.shape == (n,)
    assert torch.isfinite(output.answer.float()).all()
    assert (output.answer >= 0).all()
    assert ((output.confidence >= 0) & (output.confidence <= 1)).all()
    for weights in (output.answer_weights, output.anchor_weights):
        assert weights.shape == (n, regions)
        assert ((weights >= 0) & (weights <= 1 + 1e-6)).all()
        assert (weights[~given_.valid] < 1e-6).all()


@pytest.mark.parametrize("name", [task.name for task in TASKS])
@quick
@given(seed=st.integers(0, 999))
def test_an_answer_goes_with_its_regions_and_not_with_their_places(name: str, seed: int) -> None:
    given_ = inputs(seed, 3, 5)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    plain, moved = head(name)(given_), head(name)(permuted(given_, order))
    assert torch.allclose(plain.answer_weights[:, order], moved.answer_weights, atol=1e-5)
    if name == "multiple_choice":
        assert torch.equal(order[moved.answer], plain.answer)
    else:
        assert torch.allclose(plain.answer.float(), moved.answer.float(), rtol=1e-3)


@quick
@given(seed=st.integers(0, 999))
def test_the_distance_is_the_same_in_both_directions_and_whatever_the_words(seed: int) -> None:
    distance, given_ = head("distance", seed), inputs(seed, 4, 2)
    given_.valid[:] = True
    there = HeadTargets(torch.ones(4), torch.tensor([[1, 2]] * 4), torch.zeros(4, 2).long(), torch.ones(4).bool())
    back = HeadTargets(torch.ones(4), torch.tensor([[2, 1]] * 4), torch.zeros(4, 2).long(), torch.ones(4).bool())
    other = replace(given_, states=-given_.states, question=-given_.question)
    answers = [distance(given_, there).answer, distance(given_, back).answer, distance(other, there).answer]
    assert torch.allclose(answers[0], answers[1], rtol=1e-4)
    assert torch.allclose(answers[0], answers[2], rtol=1e-4)


@quick
@given(seed=st.integers(0, 999))
def test_a_region_is_never_nearest_to_itself(seed: int) -> None:
    torch.manual_seed(seed)
    selector = Selector(state_size=D, vector_size=Z, hidden_size=8, dropout=0.0, steps=2).eval()
    given_ = inputs(seed, 3, 5)
    given_.valid[:] = True
    given_.fits[:] = 0
    anchor = torch.zeros(3, 2, 5).bool()
    anchor[:, 0, 2] = True
    with torch.no_grad():
        selector.relation.itself.fill_(50.0)
        for parameter in [*selector.own.parameters(), *selector.relation.strength.parameters()]:
            parameter.zero_()
        selector.relation.strength.layers[-1].bias[0] = 3.0  # of nearness
    logits, _ = selector(given_, anchor)
    apart = (given_.positions - given_.positions[:, 2:3]).norm(dim=-1)
    apart[:, 2] = torch.inf
    assert torch.equal(logits[:, -1].argmax(-1), apart.argmin(-1))


def test_the_region_named_last_is_the_last_choice() -> None:
    order = torch.tensor([[0, 2, 1], [1, 0, 0], [0, 0, 0]])
    assert in_steps(order, 2).int().tolist() == [
        [[0, 0, 1], [0, 1, 0]],
        [[0, 0, 0], [1, 0, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ]


@quick
@given(seed=st.integers(0, 999), gates=st.integers(1, 7), most=st.integers(1, 9))
def test_how_many_gates_are_open_is_what_counting_all_cases_says(seed: int, gates: int, most: int) -> None:
    probability = torch.rand(1, gates, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = torch.zeros(gates + 1, dtype=torch.float64)
    for case in itertools.product([0, 1], repeat=gates):
        is_open = torch.tensor(case)
        expected[sum(case)] += torch.where(is_open > 0, probability[0], 1 - probability[0]).prod()
    found = how_many(probability.log(), (1 - probability).log(), most)[0].exp()
    shared = min(gates, most) + 1
    assert torch.allclose(found[:shared], expected[:shared])
    assert found[shared:].sum() < 1e-9


def test_a_choice_is_one_region_and_learns_through_its_probability() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0], [0.0, -1.0, -2.0]], requires_grad=True)
    chosen = choose(logits)
    assert chosen.tolist() == [[0, 1, 0], [1, 0, 0]]
    (chosen * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert logits.grad is not None
    assert (logits.grad.abs() > 0).all()
    known = torch.tensor([[False, False, True], [False, False, False]])
    assert choose(logits, known).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_counting_by_gates_keeps_the_number_that_attention_would_lose() -> None:
    """Twice the same pallet counts two."""
    counting = head("counting")
    with torch.no_grad():
        for part in (counting.kind, counting.lies):
            for parameter in part.parameters():
                parameter.zero_()
        counting.kind.score.layers[-1].bias.fill_(20.0)  # every region is of the kind
        counting.lies.plain.layers[-1].bias.fill_(20.0)  # and lies in the place
        counting.marked.layers[-1].bias.fill_(20.0)
    for regions in range(2, 7):
        given_ = inputs(0, 2, regions)
        given_.valid[:] = True
        same = replace(
            given_, vectors=given_.vectors[:, :1].expand(-1, regions, -1), fits=torch.zeros_like(given_.fits)
        )
        assert counting(same).answer.tolist() == [regions, regions]


@quick
@given(seed=st.integers(0, 999), misfit=st.floats(0.1, 10))
def test_a_word_that_does_not_fit_takes_away_from_its_region_and_from_no_other(seed: int, misfit: float) -> None:
    torch.manual_seed(seed)
    description, given_ = Description(2, state_size=D, hidden_size=8), inputs(seed, 3, 4)
    before = description(given_)
    worse = given_.fits.clone()
    worse[:, 1, 2] -= misfit
    after = description(replace(given_, fits=worse))
    assert (before <= 0).all()
    assert (after[:, :, 1] < before[:, :, 1]).all()
    assert torch.equal(after[:, :, [0, 2, 3]], before[:, :, [0, 2, 3]])


@quick
@given(seed=st.integers(0, 999))
def test_a_count_is_the_number_of_regions_that_are_more_likely_counted_than_not(seed: int) -> None:
    counting, given_ = head("counting", seed), inputs(seed, 4, 6)
    with torch.no_grad():
        counting.marked.layers[-1].bias.fill_(20.0)
    output = counting(given_)
    assert torch.equal(output.answer, (output.answer_weights > 0.5).sum(-1))


@quick
@given(seed=st.integers(0, 999), limit=st.floats(0.1, 10))
def test_a_limit_opens_gates_by_distance_from_the_place_alone(seed: int, limit: float) -> None:
    """All else equal, a farther region is never let in where a nearer one is not."""
    torch.manual_seed(seed)
    lies, given_ = Placement(state_size=D, vector_size=Z, hidden_size=8, dropout=0.0).eval(), inputs(seed, 3, 6)
    place = torch.nn.functional.one_hot(torch.zeros(3, dtype=torch.long), 6).float()
    without = lies(replace(given_, limit=torch.zeros(3)), place, place)
    assert torch.equal(without, lies(replace(given_, limit=None), place, place))
    with torch.no_grad():
        lies.limit.bias.fill_(-1.0)
    added = lies(replace(given_, limit=torch.full((3,), limit)), place, place) - without
    far = (given_.positions - given_.positions[:, :1]).norm(dim=-1)
    assert torch.equal(added.argsort(-1), far.argsort(-1, descending=True))
    assert torch.equal((added > 0)[(far - limit).abs() > 1e-3], (far < limit)[(far - limit).abs() > 1e-3])


@quick
@given(seed=st.integers(0, 999))
def test_words_that_pad_a_question_say_nothing(seed: int) -> None:
    torch.manual_seed(seed)
    description, given_ = Description(2, state_size=D, hidden_size=8), inputs(seed, 3, 4)
    words = torch.cat([given_.words, torch.randn(3, 5, D)], 1)
    fits = torch.cat([given_.fits, torch.zeros(3, 4, 5)], 2)
    assert torch.allclose(description(given_), description(replace(given_, words=words, fits=fits)), atol=1e-5)


@quick
@given(st.integers(0, 999), st.integers(1, 4))
def test_amounts_do_not_depend_on_the_size_of_the_patches(seed: int, finer: int) -> None:
    torch.manual_seed(seed)
    encoder = RegionEncoder(feature_size=8, region_size=4).eval()
    features, coverage = torch.randn(2, 9, 8), torch.rand(2, 3, 9)
    geometry = torch.randn(2, 3, GEOMETRY_SIZE)
    close_ups = torch.randint(0, 256, (2, 3, 4, CLOSE_UP, CLOSE_UP), dtype=torch.uint8)
    coarse = encoder(features, coverage, coverage, geometry, close_ups, torch.tensor([9, 9]))
    fine = encoder(
        features.repeat_interleave(finer, 1), coverage.repeat_interleave(finer, 2),
        coverage.repeat_interleave(finer, 2), geometry, close_ups, torch.tensor([9 * finer] * 2),
    )  # fmt: skip
    for one, other in zip(coarse, fine, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_region_lies_inside_its_own_hull_and_beside_another() -> None:
    encoder = RegionEncoder(feature_size=8, region_size=4)
    coverage = torch.tensor([[[1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]])
    enclosure = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]])
    geometry = torch.zeros(1, 3, GEOMETRY_SIZE)
    close_ups = torch.zeros(1, 3, 4, CLOSE_UP, CLOSE_UP, dtype=torch.uint8)
    inside = encoder(torch.randn(1, 4, 8), coverage, enclosure, geometry, close_ups, torch.tensor([4])).inside
    assert inside[0, 1].tolist() == [0, 1, 0]
    assert inside[0, 0].tolist() == [1, 0, 0]
    assert inside[0, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["distance", "left_right"])
@quick
@given(seed=st.integers(0, 999), regions=st.integers(2, 6), scale=st.floats(0.1, 10))
def test_two_different_regions_are_compared(name: str, seed: int, regions: int, scale: float) -> None:
    given_ = inputs(seed, 4, regions, scale=scale)
    first, second, *_ = head(name, seed).select(given_, None)
    assert not ((first > 0.5) & (second > 0.5)).any()
    assert (((first > 0.5) | (second > 0.5)) <= given_.valid).all(), "and none of them is padding"
    two = given_.valid.sum(-1) == 2
    assert torch.equal(((first > 0.5) | (second > 0.5))[two], given_.valid[two]), "with two regions, these"


def test_the_second_region_may_be_the_nearest_to_the_first() -> None:
    """Which region is nearest depends on the one that was chosen first; a region by itself does not tell."""
    learner = head("distance")
    optimiser = torch.optim.Adam(learner.parameters(), lr=2e-2)
    for step in range(80):
        given_, first, second = _neighbours(seed=step)
        order = first + 2 * second
        known = HeadTargets(torch.zeros(len(order)), order, torch.zeros_like(order), torch.ones(len(order)).bool())
        optimiser.zero_grad()
        learner(given_, known).grounding_loss.mean().backward()
        optimiser.step()
    given_, first, second = _neighbours(seed=100)
    chosen_first, chosen_second, *_ = learner.select(given_, None)
    assert (chosen_first * first).sum(-1).mean() > 0.95
    assert (chosen_second * second).sum(-1).mean() > 0.9


def _neighbours(seed: int) -> tuple[HeadInputs, Tensor, Tensor]:
    """60 questions about a region, which its state marks, and its nearest neighbour among five others."""
    given_ = inputs(seed, 60, 6)
    given_.valid[:] = True
    first = torch.nn.functional.one_hot(torch.arange(60) % 6, 6)
    given_.states[:] = 0
    given_.states[..., 0] = 4.0 * first
    given_.question[:] = 1.0
    apart = torch.cdist(given_.positions, given_.positions) + 100 * torch.eye(6)
    nearest = apart[torch.arange(60), torch.arange(60) % 6].argmin(-1)
    return given_, first, torch.nn.functional.one_hot(nearest, 6)


Questions = Callable[[int], tuple[HeadInputs, HeadTargets, Tensor]]
"""By a seed: what a head is given and taught, and the regions (bool ``[n, N]``) that are to be counted."""


def _how_many_of_a_colour(seed: int) -> tuple[HeadInputs, HeadTargets, Tensor]:
    """The question's first three numbers say a colour, and those of a region's vector the colour that it has."""
    given_ = inputs(seed, 60, 5)
    colours = torch.randint(3, (60, 6), generator=torch.Generator().manual_seed(seed))
    given_.vectors[..., :3] = torch.nn.functional.one_hot(colours[:, 1:], 3) * 2.0
    given_.question[:, :3] = torch.nn.functional.one_hot(colours[:, 0], 3) * 2.0
    nothing = torch.zeros_like(given_.valid).long()
    counted = (colours[:, 1:] == colours[:, :1]) & given_.valid
    return given_, HeadTargets(counted.sum(-1), nothing, nothing, torch.zeros(60).bool()), counted


def _how_many_within(seed: int) -> tuple[HeadInputs, HeadTargets, Tensor]:
    """The question's first number is the logarithm of a limit; the answer names the region that it is meant from."""
    given_ = inputs(seed, 60, 5)
    limit = torch.linspace(0.5, 4, 60)
    given_.question[:, 0] = 3 * limit.log()
    given_.states[..., 0] = 0
    given_.states[:, 0, 0] = 4.0
    counted = ((given_.positions - given_.positions[:, :1]).norm(dim=-1) < limit[:, None]) & given_.valid
    counted[:, 0] = False
    place = torch.zeros_like(given_.valid).long()
    place[:, 0] = 1
    return given_, HeadTargets(counted.sum(-1), torch.zeros_like(place), place, torch.ones(60).bool()), counted


def _how_many_within_what_is_said(seed: int) -> tuple[HeadInputs, HeadTargets, Tensor]:
    """Likewise, but the limit is a length that the question says, and stands in none of its states."""
    given_, wanted, counted = _how_many_within(seed)
    given_.question[:, 0] = 1.0
    return replace(given_, limit=torch.linspace(0.5, 4, 60)), wanted, counted


@pytest.mark.slow
@pytest.mark.parametrize("questions", [_how_many_of_a_colour, _how_many_within, _how_many_within_what_is_said])
def test_counts_alone_teach_which_regions_a_question_counts(questions: Questions) -> None:
    """The same regions count for one colour or limit and not for another; no answer names them."""
    learner = head("counting")
    optimiser = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for step in range(200):
        given_, wanted, _ = questions(step)
        optimiser.zero_grad()
        output = learner(given_, wanted)
        (output.loss + output.grounding_loss).mean().backward()
        optimiser.step()
    given_, _, counted = questions(1_000_000)
    found = learner(given_).answer_weights > 0.5
    assert 0.3 < counted[given_.valid].float().mean() < 0.7, "neither all nor none of them comes near"
    assert (found == counted)[given_.valid].float().mean() > 0.8
