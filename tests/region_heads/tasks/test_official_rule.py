"""The benchmark's rule, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from region_heads.tasks import Task
from region_heads.tasks.counting import COUNTING
from region_heads.tasks.distance import DISTANCE
from region_heads.tasks.left_right import LEFT_RIGHT
from region_heads.tasks.multiple_choice import MULTIPLE_CHOICE


@pytest.mark.parametrize(
    ("task", "prediction", "truth", "right"),
    [
        (DISTANCE, 9.0, 10.0, True),
        (DISTANCE, 11.0, 10.0, True),
        (DISTANCE, 8.99, 10.0, False),
        (DISTANCE, 11.01, 10.0, False),
        (DISTANCE, "9.5", 10.0, True),
        (DISTANCE, 0, 0, True),
        (DISTANCE, 0.0, 0, True),
        (DISTANCE, 1e-9, 0, False),
        (DISTANCE, "about ten", 10.0, False),
        (DISTANCE, None, 10.0, False),
        (DISTANCE, float("nan"), 10.0, False),
        (DISTANCE, float("inf"), 10.0, False),
        (COUNTING, "2.0", 2, True),
        (COUNTING, 2.9, 2, True),
        (COUNTING, "two", 2, False),
        (COUNTING, True, 1, False),
        (LEFT_RIGHT, "Left", "left", True),
        (LEFT_RIGHT, " L ", "left", True),
        (LEFT_RIGHT, "right side.", "right", True),
        (LEFT_RIGHT, "yes", "left", False),
        (MULTIPLE_CHOICE, "Region 3", "3", True),
        (MULTIPLE_CHOICE, 3, "3", True),
        (MULTIPLE_CHOICE, "03", "3", True),
        (MULTIPLE_CHOICE, "2, not 3", "3", False),
        (MULTIPLE_CHOICE, "none", "3", False),
    ],
)
def test_a_prediction_is_right_or_wrong(task: Task, prediction: Any, truth: Any, right: bool) -> None:
    assert task.correct(prediction, truth) is right
