"""Intervals hold what they promise, also when questions about one image stand and fall together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads.evaluation.intervals import resample_images


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """400 simulated test sets of 80 images with 5 questions; images differ in difficulty."""
    rng = np.random.default_rng(5)
    images = np.repeat(np.arange(80), 5)
    ones = np.ones((400, 1))
    covered = narrow = 0
    for trial in range(400):
        chance = rng.beta(2, 1, size=80)  # mean 2/3
        correct = (rng.random(400) < chance[images]).astype(float)[:, None]
        low, high = resample_images(correct, ones, images, resamples=400, seed=trial).interval(0) or (1.0, 0.0)
        covered += low <= 2 / 3 <= high
        low, high = resample_images(correct, ones, np.arange(400), resamples=400, seed=trial).interval(0) or (1, 0)
        narrow += low <= 2 / 3 <= high
    assert 0.92 <= covered / 400 <= 0.98
    assert narrow < covered, "questions as if independent promise too much"


def test_perfect_answers_are_not_certain() -> None:
    result = resample_images(np.ones((50, 1)), np.ones((50, 1)), np.arange(50), resamples=200)
    low, high = result.interval(0) or (0.0, 0.0)
    assert high == 1.0
    assert low == pytest.approx(0.025 ** (1 / 50))
    mean = result.mean_of([0])
    assert mean is not None
    assert mean[0] == 1.0
    assert mean[1][0] == pytest.approx(low)


def test_a_column_without_questions_has_no_figures() -> None:
    result = resample_images(np.ones((4, 2)), np.array([[1.0, 0.0]] * 4), np.arange(4), resamples=200)
    assert result.interval(1) is None
    assert np.isnan(result.point[1])
    mean = result.mean_of([0, 1])
    assert mean is not None
    assert mean[0] == 1.0, "the mean is over the columns that have questions"
    assert result.mean_of([1]) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40),
    st.integers(0, 2**31),
)
def test_intervals_hold_their_point_and_repeat_for_a_seed(answers: list[tuple[bool, int]], seed: int) -> None:
    values = np.array([[float(right)] for right, _ in answers])
    images = np.unique([image for _, image in answers], return_inverse=True)[1]
    first, again = (resample_images(values, np.ones_like(values), images, resamples=200, seed=seed) for _ in range(2))
    interval = first.interval(0)
    assert interval is not None
    assert interval == again.interval(0)
    assert 0 <= interval[0] <= interval[1] <= 1
    assert first.point[0] == pytest.approx(values.mean())
