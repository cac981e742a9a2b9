"""The gate on simulated pairs of models: how often it lets a regression pass, and how often a real gain.

Questions come five to an image and share its difficulty; a challenger mostly fails where the champion fails. What the
gate decides on is made by the same comparison as in the step evaluate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from region_heads.evaluation.comparison import compare
from region_heads.evaluation.judged import Judged
from region_heads.registry.promotion.gate import decide
from region_heads.registry.promotion.settings import Params
from region_heads.tasks import TASK_NAMES
from region_heads.tasks.measures import Answers

SOUND = {"gate": {"passed": True, "refusals": []}}
PAIRS = 400
PER_IMAGE = 5


def _judged(correct: npt.NDArray[np.bool_], tasks: npt.NDArray[np.str_], images: npt.NDArray[np.int64]) -> Judged:
    n = len(correct)
    return Judged(
        ids=[str(number) for number in range(n)],
        tasks=tasks,
        images=images,
        answers=Answers(predictions=[None] * n, truths=[None] * n, correct=correct),
        confidence=np.ones(n),
        novel=np.zeros(n, dtype=bool),
        rows=[],
    )


def _pair(rng: np.random.Generator, questions: int, change: dict[str, float], alike: float) -> dict[str, Any]:
    """An evaluation of a challenger beside its champion.

    Args:
        questions: In the whole test set, the tasks mixed within each image.
        change: By how much the challenger's true accuracy differs, by task; 0 where a task is not named.
        alike: Correlation of what makes the two fail on one question, 0..1.
    """
    images = np.repeat(np.arange(questions // PER_IMAGE), PER_IMAGE)
    tasks = rng.permutation(np.resize(np.array(TASK_NAMES), questions))
    easy = np.clip(0.82 + 0.12 * rng.standard_normal(questions // PER_IMAGE), 0.4, 0.93)[images]
    luck = rng.standard_normal((2, questions))
    theirs, ours = norm.cdf(luck[0]), norm.cdf(alike * luck[0] + np.sqrt(1 - alike**2) * luck[1])
    champion = theirs < easy
    challenger = ours < easy + np.array([change.get(task, 0.0) for task in tasks])
    comparison = compare(_judged(challenger, tasks, images), _judged(champion, tasks, images), resamples=400)
    return {
        "score": float(challenger.mean()),
        "tasks": {
            task: {"accuracy": float(challenger[tasks == task].mean()), "ci95": [0.5, 1.0],
                   "n": int((tasks == task).sum()), "baseline_ci95": [0.0, 0.1], "baseline_name": "always 1"}
            for task in TASK_NAMES
        },
        "champion": {"version": "1", "score": float(champion.mean()), "comparison": comparison},
    }  # fmt: skip


def _promoted(questions: int, change: dict[str, float], *, alike: float, seed: int) -> float:
    """Share of the pairs in which the challenger is promoted."""
    rng = np.random.default_rng(seed)
    verdicts = [
        decide(_pair(rng, questions, change, alike), SOUND, Params(), champion="1").promoted for _ in range(PAIRS)
    ]
    return sum(verdicts) / PAIRS


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.0, 0.6, 0.9])
@pytest.mark.parametrize("worse", ["distance", "counting"])
def test_three_points_lost_on_one_task_are_refused_whatever_the_others_gain(worse: str, alike: float) -> None:
    change = dict.fromkeys(TASK_NAMES, 0.06) | {worse: -0.03}
    assert _promoted(2000, change, alike=alike, seed=1) <= 0.05


@pytest.mark.slow
def test_nor_where_the_other_tasks_stay_as_they_are() -> None:
    assert _promoted(2000, {"distance": -0.03}, alike=0.6, seed=2) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("questions", [200, 2000])
@pytest.mark.parametrize("alike", [0.0, 0.6, 0.95])
def test_two_equally_good_models_do_not_replace_each_other(questions: int, alike: float) -> None:
    assert _promoted(questions, {}, alike=alike, seed=3) <= 0.05


@pytest.mark.slow
def test_a_real_gain_on_every_task_is_promoted() -> None:
    """The gate is not safe by being shut."""
    assert _promoted(2000, dict.fromkeys(TASK_NAMES, 0.04), alike=0.9, seed=4) >= 0.9
