"""Figures beside the official accuracy that several tasks share; a task's own stand beside its definition.

A measure takes the judged answers of one task and returns a figure, or None when nothing in the set can give
it (no zero distance, say). Answers that are not numbers where a number is due
count as wrong in the accuracy; an error in metres has no value for them, so these measures leave them out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from region_heads.tasks.baselines import Rule


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Q judged questions: predictions and truths as decoded from JSON, verdicts bool [Q]."""

    predictions: Sequence[Any]
    truths: Sequence[Any]
    correct: npt.NDArray[np.bool_]

    @classmethod
    def judge(cls, rules: Sequence[Rule], predictions: Sequence[Any], truths: Sequence[Any]) -> Answers:
        """Answers with the verdict of each by its task's rule, ``correct(prediction, truth)``."""
        verdicts = [rule(p, t) for rule, p, t in zip(rules, predictions, truths, strict=True)]
        return cls(predictions=predictions, truths=truths, correct=np.array(verdicts, dtype=np.bool_))

    def only(self, chosen: npt.NDArray[np.bool_]) -> Answers:
        """Those that ``chosen``, bool [Q], marks; a measure takes those of one task."""
        places = np.flatnonzero(chosen).tolist()
        return Answers(
            predictions=[self.predictions[place] for place in places],
            truths=[self.truths[place] for place in places],
            correct=self.correct[places],
        )


Measure = Callable[[Answers], float | None]


def mean_squared_error(answers: Answers) -> float | None:
    """Mean of squared errors, in the square of the answer's unit."""
    p, t = numbers(answers)
    return float(np.mean((p - t) ** 2)) if len(t) else None


def mean_absolute_error(answers: Answers) -> float | None:
    """Mean of absolute errors, in the answer's unit."""
    p, t = numbers(answers)
    return float(np.mean(np.abs(p - t))) if len(t) else None


def macro_accuracy(answers: Answers) -> float | None:
    """Mean over the true answers that occur of the share of each that is right: each weighs the same."""
    truths = np.array([str(truth) for truth in answers.truths])
    shares = [answers.correct[truths == truth].mean() for truth in np.unique(truths)]
    return float(np.mean(shares)) if shares else None


def numbers(answers: Answers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Predictions and truths of the answers in which both are numbers, float64 [n] each."""
    pairs = [(_number(p), _number(t)) for p, t in zip(answers.predictions, answers.truths, strict=True)]
    pairs = [(p, t) for p, t in pairs if math.isfinite(p) and math.isfinite(t)]
    array = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
