"""Trivial baselines are the best that can be had without looking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.tasks.baselines import most_frequent_answer
from region_heads.tasks.distance import DISTANCE, best_constant_in_band
from region_heads.tasks.left_right import LEFT_RIGHT
from region_heads.tasks.multiple_choice import MULTIPLE_CHOICE, frequent_region_or_guess

distances = st.floats(0.01, 50) | st.just(0.0)


@given(st.lists(distances, min_size=1, max_size=30), distances)
def test_no_other_constant_distance_is_right_more_often(truths: list[float], other: float) -> None:
    baseline = best_constant_in_band(truths, [2] * len(truths), DISTANCE.correct)
    best = sum(baseline.credit(truth, 2) for truth in truths)
    assert best >= sum(DISTANCE.correct(other, truth) for truth in truths)
    assert best >= max(sum(DISTANCE.correct(0.9 * constant, truth) for truth in truths) for constant in truths)


def test_zero_wins_where_most_distances_are_zero() -> None:
    baseline = best_constant_in_band([0, 0, 0, 4.0, 4.1], [2] * 5, DISTANCE.correct)
    assert baseline.name == "always 0.00"
    assert baseline.credit(0, 2) == 1.0
    assert baseline.credit(4.0, 2) == 0.0


def test_the_more_frequent_side_and_ties_in_text_order() -> None:
    assert most_frequent_answer(["right", "left", "right"], [2] * 3, LEFT_RIGHT.correct).name == "always right"
    assert most_frequent_answer(["right", "left"], [2] * 2, LEFT_RIGHT.correct).name == "always left"


def test_a_guess_among_two_regions_beats_a_rare_favourite() -> None:
    guess = frequent_region_or_guess(["0", "1", "2", "3"], [2] * 4, MULTIPLE_CHOICE.correct)
    assert guess.name == "a guess among the regions"
    assert guess.credit("1", 4) == pytest.approx(0.25)
    favourite = frequent_region_or_guess(["0", "0", "0", "1"], [4] * 4, MULTIPLE_CHOICE.correct)
    assert favourite.name == "always 0"
