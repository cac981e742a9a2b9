"""The task ``distance``: metres between two regions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from region_heads.tasks import baselines, grounding, measures
from region_heads.tasks.numbers import WRITTEN, as_number, given_number, shown
from region_heads.tasks.slices import Row
from region_heads.tasks.task import Task
from region_heads.tasks.wordings import wordings_of

FARTHEST = 1e5
"""Longest distance that is taken for one, in metres."""


def parse_distance(value: Any) -> float:
    """Metres."""
    number = given_number(value)
    if number is None or not 0 <= number <= FARTHEST:
        raise ValueError(f"expected a distance from 0 to {FARTHEST:,.0f} in metres, found {shown(value)}")
    return abs(number)  # there is a minus zero


# The benchmark's rule, from utils/compute_scores.py of the AI City Challenge 2025, track 3.
def _distance_correct(prediction: Any, truth: Any) -> bool:
    p, t = as_number(prediction), as_number(truth)
    return p is not None and t is not None and 0.9 * t <= p <= 1.1 * t


def best_constant_in_band(
    truths: Sequence[Any], n_regions: Sequence[int], correct: baselines.Rule
) -> baselines.Baseline:
    """The constant, 0 included, that is right most often when ``0.9 t <= constant <= 1.1 t`` counts as right.

    Every truth t > 0 accepts an interval of constants; the one in most intervals can be taken to be some
    interval's lower end, so one pass over the sorted ends finds it. A truth of 0 accepts only 0.
    """
    del n_regions
    t = np.array([float(truth) for truth in truths])
    low, high = np.sort(0.9 * t), np.sort(1.1 * t)
    candidates = np.unique(low)
    inside = np.searchsorted(low, candidates, side="right") - np.searchsorted(high, candidates, side="left")
    best = float(candidates[int(np.argmax(inside))])
    chosen = baselines.always(best, correct)
    return baselines.Baseline(name=f"always {best:.2f}", credit=chosen.credit)


def mean_relative_error(answers: measures.Answers) -> float | None:
    """Mean of ``|p - t| / t`` over truths above 0; single large errors weigh, as they do not in the median."""
    p, t = measures.numbers(answers)
    p, t = p[t > 0], t[t > 0]
    return float(np.mean(np.abs(p - t) / t)) if len(t) else None


def median_relative_error(answers: measures.Answers) -> float | None:
    """Median of ``|p - t| / t`` over truths above 0; the official band is 0.1."""
    p, t = measures.numbers(answers)
    p, t = p[t > 0], t[t > 0]
    return float(np.median(np.abs(p - t) / t)) if len(t) else None


def zero_recall(answers: measures.Answers) -> float | None:
    """Share of the truths that are exactly 0 ("inside") and were answered with exactly 0."""
    p, t = measures.numbers(answers)
    return float(np.mean(p[t == 0] == 0)) if (t == 0).any() else None


def zero_precision(answers: measures.Answers) -> float | None:
    """Share of the answers of exactly 0 whose truth is 0."""
    p, t = measures.numbers(answers)
    return float(np.mean(t[p == 0] == 0)) if (p == 0).any() else None


def distance_range(row: Row) -> str:
    """The true distance, in metres; exactly 0 apart, since its accepted band is [0, 0]."""
    metres = float(row.truth)
    if metres == 0:
        return "0 (inside)"
    return "below 2 m" if metres < 2 else "2-5 m" if metres < 5 else "5-10 m" if metres < 10 else "10 m and more"


def needs_selection(row: Row) -> str:
    """Two regions are measured as they are; more have to be chosen first ("the leftmost pallet")."""
    return "two regions given" if len(row.rle) <= 2 else "regions to be chosen"


DISTANCE = Task(
    name="distance",
    category="distance",
    target_column="target_distance",
    target_dtype="float64",
    flat_field="distance_label",
    unit="m",
    head="region_heads.modeling.heads.pair:DistanceHead",
    parse=parse_distance,
    correct=_distance_correct,
    sentence=lambda metres: f"The distance is {metres:.2f} meters.",
    wordings=wordings_of("distance"),
    example="How far is the pallet <mask> from the pallet <mask>?",
    grounding=grounding.two_compared,
    self_evident=grounding.both_of_two,
    # An integer 0 is a distance ("inside"): counts of the public set start at 1.
    recognises=lambda value: (
        (isinstance(value, float) and as_number(value) is not None)
        or (type(value) is int and value == 0)
        or (isinstance(value, str) and "." in value and WRITTEN.fullmatch(value) is not None)
    ),
    baseline=best_constant_in_band,
    measures={
        "mse": measures.mean_squared_error,
        "mae": measures.mean_absolute_error,
        "mean_relative_error": mean_relative_error,
        "median_relative_error": median_relative_error,
        "zero_recall": zero_recall,
        "zero_precision": zero_precision,
    },
    slices={"range": distance_range, "selection": needs_selection},
    mix="selection",
    chart="scatter",
)
