"""The official score of a file of answers against a file of truths, as the benchmark's scorer reads them.

Both are JSON lists (or JSON lines) of ``{"id", "normalized_answer"}``; the truth may name a ``category``.
Where it does not, the type tells the task: "left"/"right" is left_right, a string of digits multiple_choice,
a whole number counting, a decimal number distance. **An integer 0 is a distance**: the public set writes
"inside the buffer" as integer 0, and its counts start at 1. Predictions may also be our
``predictions.parquet``.

Source of the rule: ``utils/compute_scores.py`` of the AI City Challenge 2025, track 3.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError, first_line
from region_heads.evaluation.calibration import calibration
from region_heads.evaluation.intervals import resample_images
from region_heads.formats.problem import shown
from region_heads.formats.reading import RecordFile, in_words
from region_heads.tasks import TASKS, Task
from region_heads.tasks.measures import Answers
from region_heads.tasks.numbers import as_number

_READ = ("id", "prediction", "confidence")


def score_files(predictions: Path, truth: Path, *, resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Scores ``predictions`` against ``truth`` under the official rule.

    Returns:
        ``{"score": S1, "score_ci95": [low, high], "n": n, "tasks": {task: {"accuracy", "ci95", "n", the task's own
        measures, and "calibration" where all predictions have a "confidence"}}}``. S1 is the mean of the accuracies
        of the tasks that the truth holds. Intervals resample images where the truth names an ``image``, single
        questions where it does not.

    Raises:
        RegionHeadsError: A file is missing or not of this form, the ids do not match exactly (missing, extra
            and duplicate ones are named), or a truth cannot be a task's answer.
    """
    truths = _by_id(_read(truth), truth)
    answers = _by_id(_read(predictions), predictions)
    _check_ids(answers, truths, predictions, truth)
    ids = list(truths)
    tasks = [_task_of(truths[identity], truth) for identity in ids]
    right = [_typed(task, truths[identity]["normalized_answer"]) for identity, task in zip(ids, tasks, strict=True)]
    given = [answers[identity]["normalized_answer"] for identity in ids]
    judged = Answers.judge([task.correct for task in tasks], given, right)
    sure = np.array([_sureness(answers[identity].get("confidence")) for identity in ids])
    names = np.array([task.name for task in tasks])
    weights = np.stack([names == task.name for task in TASKS], axis=1).astype(np.float64)
    images = np.unique([str(truths[i].get("image", i)) for i in ids], return_inverse=True)[1]
    result = resample_images(
        np.repeat(judged.correct[:, None].astype(np.float64), len(TASKS), axis=1),
        weights,
        images,
        resamples=resamples,
        seed=seed,
    )
    overall = result.mean_of(list(range(len(TASKS))))
    counts = weights.sum(axis=0).astype(int).tolist()
    return {
        "score": overall[0] if overall else None,
        "score_ci95": list(overall[1]) if overall else None,
        "n": len(ids),
        "tasks": {
            task.name: {
                "accuracy": float(result.point[k]) if counts[k] else None,
                "ci95": list(result.interval(k) or ()) or None,
                "n": counts[k],
                **_measures(task, judged.only(names == task.name), sure[names == task.name]),
            }
            for k, task in enumerate(TASKS)
        },
    }


def _measures(task: Task, judged: Answers, sure: npt.NDArray[np.float64]) -> dict[str, Any]:
    found: dict[str, Any] = {name: measure(judged) if len(sure) else None for name, measure in task.measures.items()}
    if len(sure) and not np.isnan(sure).any():
        found["calibration"] = calibration(sure, judged.correct)
    return found


def _sureness(confidence: Any) -> float:
    """A confidence from 0 to 1, NaN for anything else."""
    value = as_number(confidence)
    return value if value is not None and 0 <= value <= 1 else math.nan


def _typed(task: Task, answer: Any) -> Any:
    """The truth as the task's own type: numbers may be written as text."""
    try:
        return task.parse(answer)
    except ValueError:  # a synonym of a side, which the rule knows
        return answer


def infer_task(answer: Any) -> Task | None:
    """The task that a bare ``normalized_answer`` belongs to by its type, None when no task claims it."""
    return next((task for task in TASKS if task.recognises(answer)), None)


def _task_of(record: Mapping[str, Any], source: Path) -> Task:
    answer, category = record["normalized_answer"], record.get("category")
    where = f"{source}: id {record['id']!r}"
    if category is None:
        task = infer_task(answer)
        if task is None:
            raise RegionHeadsError(
                f"{where}: field normalized_answer: no task has answers like {shown(answer)}; "
                "correct it, or name the category of the record"
            )
        return task
    try:
        task = Task.of(str(category))
        task.parse(answer)
    except KeyError as error:
        raise RegionHeadsError(f"{where}: field category: {error.args[0]}") from None
    except ValueError as error:
        raise RegionHeadsError(f"{where}: field normalized_answer ({category}): {error}") from None
    return task


def _read(path: Path) -> list[Any]:
    with in_words(path), path.open("rb") as file:
        is_table = file.read(4) == b"PAR1"
    if is_table:
        return _read_predictions_table(path)
    content = []
    for raw in RecordFile(path):
        if raw.problem is not None:
            raise RegionHeadsError(f"{path}, line {raw.line}: {raw.problem}")
        content.append(raw.content)
    return content


def _read_predictions_table(path: Path) -> list[Any]:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise RegionHeadsError(f"{path}: not readable as Parquet ({first_line(error)}); write it again") from None
    missing = {"id", "prediction"} - set(table.column_names)
    if missing:
        raise RegionHeadsError(f"{path}: expected columns id and prediction, missing {', '.join(missing)}")
    return [
        {"id": row["id"], "normalized_answer": json.loads(row["prediction"]), "confidence": row.get("confidence")}
        for row in table.select([name for name in _READ if name in table.column_names]).to_pylist()
    ]


def _by_id(records: list[Any], source: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for number, record in enumerate(records):
        if (
            not isinstance(record, dict)
            or "normalized_answer" not in record
            or not isinstance(record.get("id"), str | int)
        ):
            raise RegionHeadsError(
                f'{source}: record {number}: expected {{"id", "normalized_answer"}}, found {shown(record)}'
            )
        found[str(record["id"])] = record
    if not records:
        raise RegionHeadsError(f"{source}: holds no answers")
    if len(found) < len(records):
        counts = Counter(str(record["id"]) for record in records)
        twice = [identity for identity, count in counts.items() if count > 1]
        raise RegionHeadsError(f"{source}: {len(twice)} duplicate ids: {_some(twice)}")
    return found


def _check_ids(answers: Mapping[str, Any], truths: Mapping[str, Any], predictions: Path, truth: Path) -> None:
    missing = [identity for identity in truths if identity not in answers]
    extra = [identity for identity in answers if identity not in truths]
    problems = []
    if missing:
        problems.append(f"{len(missing)} ids of {truth} have no prediction: {_some(missing)}")
    if extra:
        problems.append(f"{len(extra)} ids are not in {truth}: {_some(extra)}")
    if problems:
        raise RegionHeadsError(f"{predictions}: ids must match exactly; " + "; ".join(problems))


def _some(ids: Iterable[str], limit: int = 5) -> str:
    ids = list(ids)
    return ", ".join(ids[:limit]) + (f" and {len(ids) - limit} more" if len(ids) > limit else "")
