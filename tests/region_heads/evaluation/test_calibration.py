"""Calibration, on confidences whose errors can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.evaluation.calibration import BINS, calibration


def test_two_bins_by_hand() -> None:
    found = calibration(np.array([0.9, 0.94, 0.2, 0.2]), np.array([True, False, False, False]))
    assert found is not None
    assert found["ece"] == pytest.approx((2 * abs(0.5 - 0.92) + 2 * 0.2) / 4)
    assert found["brier"] == pytest.approx((0.1**2 + 0.94**2 + 2 * 0.2**2) / 4)
    assert found["bins"] == [
        {"low": 0.2, "high": 0.3, "confidence": pytest.approx(0.2), "accuracy": 0.0, "n": 2},
        {"low": 0.9, "high": 1.0, "confidence": pytest.approx(0.92), "accuracy": 0.5, "n": 2},
    ]


def test_whoever_is_as_sure_as_right_has_no_error() -> None:
    found = calibration(np.full(10, 0.7), np.arange(10) < 7)
    assert found is not None
    assert found["ece"] == pytest.approx(0)
    assert found["brier"] == pytest.approx(0.21), "doubt costs, even where it is justified"


def test_both_ends_have_their_bin_and_nothing_is_nothing() -> None:
    found = calibration(np.array([0.0, 1.0]), np.array([False, True]))
    assert found is not None
    assert (found["ece"], found["brier"]) == (0, 0)
    assert [(entry["low"], entry["high"]) for entry in found["bins"]] == [(0.0, 0.1), (0.9, 1.0)]
    assert calibration(np.array([]), np.array([], dtype=np.bool_)) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_every_question_is_in_one_bin_and_the_figures_stay_between_0_and_1(pairs: list[tuple[float, bool]]) -> None:
    confidence, correct = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    found = calibration(confidence, correct)
    assert found is not None
    assert sum(entry["n"] for entry in found["bins"]) == len(pairs)
    assert 1 <= len(found["bins"]) <= BINS
    assert 0 <= found["ece"] <= 1 + 1e-9
    assert 0 <= found["brier"] <= 1
    gap = abs(float(correct.mean() - confidence.mean()))
    assert found["ece"] >= gap - 1e-9, "bins cannot hide an error of the whole"
