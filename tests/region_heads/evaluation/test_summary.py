"""A whole evaluation, from answers made by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pycocotools import mask as coco

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.comparison import compare
from region_heads.evaluation.judged import judge
from region_heads.evaluation.summary import summarise
from region_heads.records import SPLIT_SCHEMA
from region_heads.tasks import TASK_NAMES

MASK = coco.encode(np.pad(np.ones((6, 8), dtype=np.uint8, order="F"), ((10, 20), (16, 40))))["counts"].decode()

TRUTHS: dict[str, list[Any]] = {
    "distance": [2.0, 0, 8.0, 2.1],
    "left_right": ["left", "right", "left", "left"],
    "multiple_choice": ["0", "1", "1", "2"],
    "counting": [1, 2, 2, 3],
}


def questions(tasks: tuple[str, ...] = TASK_NAMES, repeat: int = 5) -> pa.Table:
    """Four questions of each task on each image, ``repeat`` images; the first truth is in new words."""
    rows = [
        {
            "id": f"{image}-{task}-{k}",
            "source": "made#0",
            "source_split": "test",
            "image": f"{image}.png",
            "width": 64,
            "height": 36,
            "question": "Which of <mask> <mask> <mask>?",
            "rle": [MASK] * 3,
            "mask_areas": [4] * 3,
            "copy": 0,
            "answer": json.dumps(TRUTHS[task][k]),
            "task": task,
            "task_source": "label",
            "task_confidence": 1.0,
            "wording": "Which of #?",
            "novel_wording": k == 0,
        }
        for image in range(repeat)
        for task in tasks
        for k in range(4)
    ]
    return pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)


def answers(table: pa.Table, wrong: Collection[str] = ()) -> pa.Table:
    """The true answers, but nonsense to the questions whose id ends with one of ``wrong``."""
    return pa.table(
        {
            "id": table["id"],
            "prediction": [
                '"nonsense"' if any(i.endswith(end) for end in wrong) else answer
                for i, answer in zip(table["id"].to_pylist(), table["answer"].to_pylist(), strict=True)
            ],
            "confidence": [0.8] * table.num_rows,
        }
    )


def test_figures_baselines_wordings_and_slices() -> None:
    table = questions()
    result = summarise(judge(table, answers(table, {"distance-0", "counting-3"})), table, resamples=200)
    json.dumps(result, allow_nan=False)
    assert result["n"] == 80
    assert result["score"] == pytest.approx((0.75 + 1 + 1 + 0.75) / 4)
    assert result["score_ci95"][0] <= result["score"] <= result["score_ci95"][1]

    distance = result["tasks"]["distance"]
    assert (distance["accuracy"], distance["n"]) == (0.75, 20)
    assert distance["baseline"] == 0.5, "one constant reaches both 2.0 and 2.1"
    assert (distance["mse"], distance["mae"], distance["zero_recall"]) == (0.0, 0.0, 1.0)
    assert distance["beats_baseline"] is True
    assert distance["mean_relative_error"] == 0.0
    assert distance["calibration"]["ece"] == pytest.approx(0.05), "it says 0.8 and is right in 0.75"
    assert (distance["macro"]["accuracy"], distance["macro"]["by"]) == (0.75, "selection")
    assert result["tasks"]["left_right"]["baseline_name"] == "always left"
    assert result["tasks"]["counting"]["mse"] == 0.0
    assert result["tasks"]["counting"]["macro_accuracy"] == pytest.approx(2 / 3)

    assert result["wordings"]["novel"]["tasks"]["distance"] == {
        "accuracy": 0.0,
        "ci95": [0.0, pytest.approx(1 - 0.025 ** (1 / 5))],
        "n": 5,
    }
    assert result["wordings"]["seen"]["n"] == 60
    assert result["slices"]["range"]["distance"]["0 (inside)"]["accuracy"] == 1.0
    assert result["slices"]["regions"]["counting"]["3-4"]["n"] == 20


def test_an_absent_task_has_null_figures_and_the_score_leaves_it_out() -> None:
    table = questions(tasks=("distance", "left_right"))
    result = summarise(judge(table, answers(table, {"left_right-0"})), table, resamples=200)
    json.dumps(result, allow_nan=False)
    assert result["score"] == pytest.approx((1 + 0.75) / 2)
    counting = result["tasks"]["counting"]
    assert (counting["n"], counting["accuracy"], counting["ci95"], counting["mae"]) == (0, None, None, None)
    assert counting["calibration"] is None
    assert any("no question of the task counting" in warning for warning in result["warnings"])


def test_questions_without_an_answer_are_named_not_judged() -> None:
    table = questions(repeat=2)
    unknown = pa.array([None, *table["answer"].to_pylist()[1:]], pa.string())
    table = table.set_column(table.schema.get_field_index("answer"), "answer", unknown)
    given = {"id": table["id"], "prediction": ["1"] * table.num_rows, "confidence": [0.5] * table.num_rows}
    judged = judge(table, pa.table(given))
    assert len(judged.ids) == 31
    assert judged.warnings == ["1 test questions have no answer and are not judged."]


def test_predictions_for_other_questions_are_refused() -> None:
    table = questions()
    with pytest.raises(RegionHeadsError, match="expected one row for each of the 80 test questions"):
        judge(table, answers(table).slice(1))


@pytest.mark.parametrize("odd", [math.nan, 1.2, -0.1])
def test_a_confidence_that_is_none_is_refused(odd: float) -> None:
    table = questions(repeat=1)
    given = answers(table)
    spoilt = pa.array([odd, *given["confidence"].to_pylist()[1:]])
    with pytest.raises(RegionHeadsError, match="question '0-distance-0', field confidence: expected a number from 0"):
        judge(table, given.set_column(2, "confidence", spoilt))


def test_cameras_are_a_slice_where_they_are_asked_for() -> None:
    table = questions(repeat=3)
    result = summarise(judge(table, answers(table)), table, resamples=200, camera=r"(\d)\.png")
    assert {label: found["n"] for label, found in result["slices"]["camera"]["counting"].items()} == {
        "0": 4,
        "1": 4,
        "2": 4,
    }
    assert result["camera"] == r"(\d)\.png"


def test_challenger_and_champion_are_compared_question_by_question() -> None:
    table = questions()
    worse = judge(table, answers(table, {"counting-0", "distance-1"}))
    better = judge(table, answers(table, {"counting-1"}))
    result = compare(better, worse, resamples=200)
    assert result["tasks"]["counting"] == {
        "difference": 0.0,
        # On every image one is gained and one lost, so resamples do not spread; twenty questions still say little.
        "ci95": pytest.approx([-1.96 / 22, 1.96 / 22]),
        "n": 20,
        "gained": 5,
        "lost": 5,
    }
    assert result["tasks"]["distance"]["difference"] == 0.25
    assert result["score"]["difference"] == pytest.approx(0.25 / 4)
    assert compare(worse, better, resamples=200)["score"]["difference"] == pytest.approx(-0.25 / 4)
