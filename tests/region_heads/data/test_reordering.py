"""Regions that a question merely lists may change places; everything that names them follows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.data.reordering import order_matters, renumber, reorder
from region_heads.data.settings import Augmentation
from region_heads.modeling.model import RegionHeadsModel

parts = st.lists(st.tuples(st.sampled_from(["the pallet ", "between ", "and ", ""]), st.integers(0, 5)), max_size=6)


@given(parts, st.integers(0, 1000))
def test_regions_change_places_only_within_their_list(lists: list[tuple[str, int]], seed: int) -> None:
    question = " of ".join(words + " ".join(["<mask>"] * count) for words, count in lists)
    order = reorder(question, np.random.default_rng(seed))
    assert sorted(order) == list(range(sum(count for _, count in lists)))
    start = 0
    for _, count in lists:
        assert set(order[start : start + count]) == set(range(start, start + count))
        start += count


def test_two_regions_with_words_between_them_never_change_places() -> None:
    for seed in range(20):
        order = reorder("Is <mask> left of <mask>, <mask>?", np.random.default_rng(seed))
        assert order.tolist() == [0, 1, 2]


@given(st.permutations(range(6)))
def test_the_freeform_answer_names_the_same_regions_by_their_new_numbers(order: list[int]) -> None:
    text = "[Region 3] and [Region 0] lie near [Region 5], not [Region 9]."
    renamed = [int(number) for number in re.findall(r"\d+", renumber(text, np.array(order)))]
    assert [order[number] for number in renamed[:3]] == [3, 0, 5]
    assert renamed[3] == 9


def test_targets_and_grounding_follow_their_regions(
    table: pa.Table, image_folder: Path, built: tuple[RegionHeadsModel, RegionProcessor]
) -> None:
    plain = RegionDataset(table, image_folder, built[1])
    moving = Augmentation(mirror=0.0, word_dropout=0.0)
    shuffled = RegionDataset(table, image_folder, built[1], augmentation=moving)
    moved = 0
    for row in range(30):
        for epoch in range(4):
            one, other = plain[row], shuffled[epoch, row]
            order = [one.region_keys.index(key) for key in other.region_keys]
            assert sorted(order) == list(range(len(one.regions)))
            assert all(
                np.array_equal(there.coverage, one.regions[old].coverage)
                for there, old in zip(other.regions, order, strict=True)
            )
            assert np.array_equal(other.answer_order, one.answer_order[order])
            assert np.array_equal(other.anchor_order, one.anchor_order[order])
            if one.task.names_region:
                assert order[int(str(other.target))] == one.target
            else:
                assert other.target == one.target
            moved += order != list(range(len(order)))
    assert moved > 20


@pytest.mark.parametrize(
    "question",
    [
        "Of the crates <mask> <mask> <mask>, how far is the second from the third?",
        "Of <mask> <mask>, is the former larger than the latter?",
        "Which is nearest to the last one of <mask> <mask> <mask>?",
        "Is region 1 of <mask> <mask> the largest?",
        "<mask> <mask> are numbered from 0; how far is number 0 from the door?",
        "Take <mask> <mask> in this order: is the first one full?",
        "How far are <mask> <mask> from <mask> <mask>, respectively?",
        "Is the 2nd of <mask> <mask> empty?",
        "Choose (a) or (b): <mask> <mask>",
    ],
)
def test_regions_keep_their_places_where_words_name_a_place_in_the_list(question: str) -> None:
    assert order_matters(question)


def test_a_list_that_is_a_set_may_change_its_order() -> None:
    assert not order_matters("Which of the crates <mask> <mask> <mask> can the truck <mask> reach first?")
    assert not order_matters(
        "How many of <mask> <mask> are in the middle zone?", "[Region 1] and [Region 0]: 2 crates."
    )
    assert not order_matters("Is the leftmost of <mask> <mask> left of <mask>?", compares=True)


def test_the_taught_text_and_the_task_decide_too() -> None:
    question = "Which of <mask> <mask> is nearest?"
    assert not order_matters(question, "It is [Region 1].", names_region=True)
    assert order_matters(question, "It is 1.", names_region=True), "the bare number is a region"
    assert not order_matters("How far is the nearest of <mask> <mask>?", "It is 1.", names_region=False)
    assert order_matters(question, "It is the second one.")
    assert order_matters("<mask> <mask>: left or right?", compares=True), "the side is the first one's"
