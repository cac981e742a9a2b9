"""The macro view: a shift of the mix of questions moves the plain accuracy and leaves the macro accuracy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads.evaluation.intervals import resample_images
from region_heads.evaluation.judged import judge
from region_heads.evaluation.summary import summarise
from region_heads.records import SPLIT_SCHEMA

KINDS = {
    "for a transporter": ("Which pallet is best for the transporter <mask> <mask> <mask>?", 3),
    "leftmost or rightmost": ("Which of <mask> <mask> <mask> is leftmost?", 2),
    "other": ("Which of <mask> <mask> <mask> is empty?", 1),
}
"""Wording of each kind of choice, and how many of its four questions are answered right."""


def evaluation(repeats: dict[str, int]) -> dict[str, Any]:
    rows, given_answers = [], []
    for kind, (question, right) in KINDS.items():
        for number in range(4 * repeats[kind]):
            rows.append(
                {
                    "id": f"{kind}-{number}", "source": "made#0", "source_split": "test", "image": f"{number % 4}.png",
                    "width": 8, "height": 8, "question": question, "rle": [], "mask_areas": [], "copy": 0,
                    "answer": '"1"', "task": "multiple_choice", "task_source": "label", "task_confidence": 1.0,
                    "wording": question, "novel_wording": False,
                }
            )  # fmt: skip
            given_answers.append('"1"' if number % 4 < right else '"2"')
    table = pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)
    answers = pa.table({"id": table["id"], "prediction": given_answers, "confidence": [0.5] * len(rows)})
    return summarise(judge(table, answers), table, resamples=200)


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), times=st.integers(2, 12))
def test_asking_one_kind_more_often_moves_the_plain_accuracy_only(kind: str, times: int) -> None:
    before = evaluation(dict.fromkeys(KINDS, 1))
    after = evaluation(dict.fromkeys(KINDS, 1) | {kind: times})
    then, now = before["tasks"]["multiple_choice"], after["tasks"]["multiple_choice"]
    assert then["macro"]["by"] == "kind"
    assert now["macro"]["accuracy"] == pytest.approx(then["macro"]["accuracy"])
    assert after["macro_score"] == pytest.approx(before["macro_score"])
    share = KINDS[kind][1] / 4
    assert now["accuracy"] == pytest.approx((1.5 + (times - 1) * share) / (2 + times)), "0.75, 0.5 and 0.25 once each"


def test_the_macro_accuracy_is_the_mean_over_the_labels_that_occur() -> None:
    result = evaluation({"for a transporter": 3, "leftmost or rightmost": 1, "other": 0})
    macro = result["tasks"]["multiple_choice"]["macro"]
    assert macro["accuracy"] == pytest.approx((0.75 + 0.5) / 2)
    assert macro["ci95"][0] <= macro["accuracy"] <= macro["ci95"][1]
    assert result["macro_score"] == macro["accuracy"], "the only task that occurs"
    assert result["tasks"]["counting"]["macro"] == {"accuracy": None, "ci95": None, "by": "regions"}
    json.dumps(result, allow_nan=False)


def test_a_mean_of_means_weighs_groups_and_not_columns() -> None:
    values = np.array([[1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3])
    weights = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=np.float64)
    found = resample_images(values, weights, np.arange(4), resamples=200)
    nested, flat = found.mean_of_means([[0], [1, 2]]), found.mean_of([0, 1, 2])
    assert nested is not None
    assert flat is not None
    assert nested[0] == pytest.approx(0.25)
    assert flat[0] == pytest.approx(0.5 / 3)
    assert found.mean_of_means([[], []]) is None
