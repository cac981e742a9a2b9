"""Predictions joined with the questions they answer and judged by the official rule."""

import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from region_heads.errors import RegionHeadsError
from region_heads.tasks import Task
from region_heads.tasks.measures import Answers
from region_heads.tasks.slices import Row


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Q judged questions, in the order of the test table.

    Attributes:
        ids: The questions' ids.
        tasks: str [Q], our task names.
        images: int64 [Q], number of each question's image, 0..C-1.
        answers: Predictions, truths and the official verdicts.
        confidence: float64 [Q], 0..1, how sure the model was of its answer.
        novel: bool [Q], whether training does not hold the wording.
        rows: The questions with their truths.
        warnings: What the reader of the figures should know, in sentences.
    """

    ids: list[str]
    tasks: npt.NDArray[np.str_]
    images: npt.NDArray[np.int64]
    answers: Answers
    confidence: npt.NDArray[np.float64]
    novel: npt.NDArray[np.bool_]
    rows: list[Row]
    warnings: list[str] = field(default_factory=list)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """bool [Q], the official verdict."""
        return self.answers.correct

    def of(self, task: Task) -> npt.NDArray[np.bool_]:
        """bool [Q], the questions of ``task``."""
        mask: npt.NDArray[np.bool_] = self.tasks == task.name
        return mask


def judge(test: pa.Table, predictions: pa.Table) -> Judged:
    """Joins by id and judges; the verdict is made here, whatever ``predictions`` says about itself.

    Args:
        test: A split table (``SPLIT_SCHEMA``).
        predictions: What a model answered (``PREDICTION_SCHEMA``), one row for each question of ``test``.

    Raises:
        RegionHeadsError: The ids differ, an answer is not JSON, or a confidence is not within 0..1.
    """
    columns = [
        "id",
        "task",
        "image",
        "question",
        "rle",
        "width",
        "height",
        "answer",
        "depth",
        "novel_wording",
    ]
    rows = test.select(columns).to_pylist()
    answers = dict(zip(predictions["id"].to_pylist(), predictions["prediction"].to_pylist(), strict=True))
    wanted = {row["id"] for row in rows}
    if len(answers) != predictions.num_rows or wanted != set(answers):
        odd = sorted(wanted.symmetric_difference(answers))[:5]
        raise RegionHeadsError(
            f"predictions: expected one row for each of the {len(wanted)} test questions, "
            f"found {predictions.num_rows} rows for {len(answers)} ids; "
            f"differing: {', '.join(odd) or 'none, but some are there twice'}"
        )
    warnings = []
    answered = [row for row in rows if row["answer"] is not None]
    if len(answered) < len(rows):
        warnings.append(f"{len(rows) - len(answered)} test questions have no answer and are not judged.")
    rows = answered
    try:
        given = [json.loads(answers[row["id"]]) for row in rows]
    except json.JSONDecodeError as error:
        raise RegionHeadsError(f"predictions: an answer is not JSON: {error}") from None
    truths = [json.loads(row["answer"]) for row in rows]
    return Judged(
        ids=[row["id"] for row in rows],
        tasks=np.array([row["task"] for row in rows], dtype=np.str_),
        images=np.unique(np.array([row["image"] for row in rows], dtype=np.str_), return_inverse=True)[1],
        answers=Answers.judge([Task.of(row["task"]).correct for row in rows], given, truths),
        confidence=_confidences([row["id"] for row in rows], predictions),
        novel=np.array([row["novel_wording"] for row in rows], dtype=np.bool_),
        rows=[
            Row(
                image=row["image"],
                question=row["question"],
                rle=row["rle"],
                width=row["width"],
                height=row["height"],
                truth=truth,
                has_depth=row["depth"] is not None,
            )
            for row, truth in zip(rows, truths, strict=True)
        ],
        warnings=warnings,
    )


def _confidences(ids: list[str], predictions: pa.Table) -> npt.NDArray[np.float64]:
    """float64 [Q], those of the questions ``ids``."""
    given = dict(zip(predictions["id"].to_pylist(), predictions["confidence"].to_pylist(), strict=True))
    found = np.array([given[identity] for identity in ids], dtype=np.float64)
    # Sums of single precision end a little above 1; NaN is within nothing.
    for odd in np.flatnonzero(~((found >= -1e-6) & (found <= 1 + 1e-6))):
        raise RegionHeadsError(
            f"predictions: question {ids[odd]!r}, field confidence: expected a number from 0 to 1, "
            f"found {found[odd]:g}; the model's training may have diverged, see its curves"
        )
    return found.clip(0.0, 1.0)
