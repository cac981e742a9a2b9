"""A whole evaluation: what ``metrics/evaluation.json`` holds, from predictions and the split tables."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from region_heads.evaluation.calibration import calibration
from region_heads.evaluation.intervals import Floats, Resampled, resample_images
from region_heads.evaluation.judged import Judged
from region_heads.evaluation.slice_labels import slice_labels
from region_heads.tasks import TASKS, Task
from region_heads.tasks.baselines import Baseline

Mask = npt.NDArray[np.bool_]


class _Columns:
    """Collects the figures that share one bootstrap: for each, which questions count and with what value."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self._correct = judged.correct.astype(np.float64)
        self._values: list[Floats] = []
        self._masks: list[Mask] = []

    def add(self, mask: Mask, values: Floats | None = None) -> int:
        """Number of the column that holds the mean of ``values`` (default: the verdicts) over ``mask``."""
        self._values.append(self._correct if values is None else values)
        self._masks.append(mask)
        return len(self._masks) - 1

    def resample(self, *, resamples: int, seed: int) -> _Figures:
        weights = np.stack(self._masks, axis=1).astype(np.float64)
        result = resample_images(
            np.stack(self._values, axis=1), weights, self._judged.images, resamples=resamples, seed=seed
        )
        return _Figures(result, counts=[int(mask.sum()) for mask in self._masks])


class _Figures:
    """The columns' means and intervals as they stand in JSON, null where there is no question."""

    def __init__(self, result: Resampled, counts: list[int]) -> None:
        self._result = result
        self._counts = counts

    def share(self, column: int, name: str = "accuracy", interval: str = "ci95") -> dict[str, Any]:
        bounds = self._result.interval(column)
        point = float(self._result.point[column])
        return {name: None if np.isnan(point) else point, interval: list(bounds) if bounds else None}

    def counted(self, column: int) -> dict[str, Any]:
        return {**self.share(column), "n": self._counts[column]}

    def score(self, columns: list[int]) -> dict[str, Any]:
        mean = self._result.mean_of(columns)
        return {
            "score": mean[0] if mean else None,
            "score_ci95": list(mean[1]) if mean else None,
            "n": sum(self._counts[column] for column in columns),
        }

    def macro(self, groups: list[list[int]], name: str = "accuracy", interval: str = "ci95") -> dict[str, Any]:
        mean = self._result.mean_of_means(groups)
        return {name: mean[0] if mean else None, interval: list(mean[1]) if mean else None}


def summarise(
    judged: Judged, train: pa.Table, *, resamples: int = 2000, seed: int = 0, camera: str = ""
) -> dict[str, Any]:
    """Score, tasks, wordings and slices of one judged set of predictions.

    Args:
        judged: The judged test questions.
        train: The training split (``SPLIT_SCHEMA``), to which the trivial baselines are fitted.
        resamples: Resamples of the bootstrap over images.
        seed: Its seed.
        camera: Regular expression on the pictures' paths for the slice by camera; "": no such slice.

    Returns:
        ``{"score": S1, "score_ci95", "n", "macro_score", "macro_score_ci95", "tasks": {task: {"accuracy", "ci95",
        "n", "baseline", "baseline_ci95", "baseline_name", "beats_baseline", "macro": {"accuracy", "ci95", "by"},
        "calibration", and its own measures}}, "wordings": {"seen", "novel"}, "slices": {slice: {task: {label:
        {"accuracy", "ci95", "n"}}}}, "camera", "warnings": [sentence]}``.
        S1 is the mean over the tasks that occur; those that do not have null figures and ``n`` 0.
        ``beats_baseline`` says that the two 95 % intervals do not overlap. ``macro`` is the mean over the labels of
        the slice ``by`` that occur (``Task.mix``), each weighing the same whatever its share of the questions is;
        ``macro_score`` is the mean over tasks of that.

    Raises:
        RegionHeadsError: ``camera`` is no regular expression, or fits no picture.
    """
    columns = _Columns(judged)
    warnings = list(judged.warnings)
    everywhere = {task.name: columns.add(judged.of(task)) for task in TASKS}
    wordings = {
        name: {task.name: columns.add(judged.of(task) & mask) for task in TASKS}
        for name, mask in (("seen", ~judged.novel), ("novel", judged.novel))
    }
    baselines: dict[str, tuple[Baseline, int]] = {}
    for task in TASKS:
        baseline = fit_baseline(task, train)
        if not judged.of(task).any():
            warnings.append(f"The test set has no question of the task {task.name}; the score leaves it out.")
        elif baseline is None:
            warnings.append(f"The training set has no answered {task.name} question: no baseline for it.")
        if baseline is not None:
            credit = _credit(baseline, judged, task)
            baselines[task.name] = (baseline, columns.add(judged.of(task), credit))
    sliced = _slice_columns(judged, columns, camera)
    mixes = {task.name: list(sliced.get(task.mix, {}).get(task.name, {}).values()) for task in TASKS}
    figures = columns.resample(resamples=resamples, seed=seed)

    tasks = {}
    for task in TASKS:
        entry = figures.counted(everywhere[task.name])
        entry |= {"baseline": None, "baseline_ci95": None, "baseline_name": None, "beats_baseline": None}
        if task.name in baselines:
            baseline, column = baselines[task.name]
            entry |= figures.share(column, "baseline", "baseline_ci95")
            entry["baseline_name"] = baseline.name
        if entry["ci95"] and entry["baseline_ci95"]:
            entry["beats_baseline"] = entry["ci95"][0] > entry["baseline_ci95"][1]
        entry["macro"] = figures.macro([mixes[task.name]]) | {"by": task.mix}
        entry["calibration"] = calibration(judged.confidence[judged.of(task)], judged.correct[judged.of(task)])
        tasks[task.name] = entry | _measures(judged, task)
    return {
        **figures.score(list(everywhere.values())),
        **figures.macro(list(mixes.values()), "macro_score", "macro_score_ci95"),
        "tasks": tasks,
        "wordings": {
            name: {
                **figures.score(list(of.values())),
                "tasks": {task: figures.counted(column) for task, column in of.items()},
            }
            for name, of in wordings.items()
        },
        "slices": {
            name: {
                task: {label: figures.counted(column) for label, column in labels.items()}
                for task, labels in by_task.items()
            }
            for name, by_task in sliced.items()
        },
        "camera": camera,
        "warnings": warnings,
    }


def fit_baseline(task: Task, train: pa.Table) -> Baseline | None:
    """The trivial baseline of ``task``, fitted to ``train``; None where that has no answer of the task."""
    rows = [
        row for row in train.select(["task", "answer", "rle"]).to_pylist()
        if row["task"] == task.name and row["answer"] is not None
    ]  # fmt: skip
    if not rows:
        return None
    truths = [json.loads(row["answer"]) for row in rows]
    return task.baseline(truths, [len(row["rle"]) for row in rows], task.correct)


def _credit(baseline: Baseline, judged: Judged, task: Task) -> Floats:
    """float64 [Q]: the baseline's chance on each question of ``task``, 0 on the others."""
    credit = np.zeros(len(judged.ids))
    for index in np.flatnonzero(judged.of(task)):
        row = judged.rows[index]
        credit[index] = baseline.credit(row.truth, len(row.rle))
    return credit


def _measures(judged: Judged, task: Task) -> dict[str, float | None]:
    answers = judged.answers.only(judged.of(task))
    return {name: measure(answers) if len(answers.correct) else None for name, measure in task.measures.items()}


def _slice_columns(judged: Judged, columns: _Columns, camera: str) -> dict[str, dict[str, dict[str, int]]]:
    """Columns by slice, task and label; only labels that occur, in the order of their names."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for name, per_question in slice_labels(judged.tasks.tolist(), judged.rows, camera=camera).items():
        text = np.array([label or "" for label in per_question], dtype=np.str_)
        for task in TASKS:
            mine = judged.of(task)
            for label in sorted(set(text[mine].tolist()) - {""}):
                column = columns.add(mine & (text == label))
                found.setdefault(name, {}).setdefault(task.name, {})[label] = column
    return found
