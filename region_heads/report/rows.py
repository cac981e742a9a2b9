"""The test questions as the report shows them: joined with their predictions and with the slices they belong to."""

import json
from typing import Any

import pyarrow as pa

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.slice_labels import slice_labels
from region_heads.tasks import slices

Row = dict[str, Any]
"""A question of the test split with its prediction; ``correct`` is None where the truth is unknown, and ``slices``
maps the slices that it belongs to onto its labels."""


def join(test: pa.Table, predictions: pa.Table, *, camera: str = "") -> list[Row]:
    """Test questions with their predictions and slices, in the order of the test split.

    Args:
        test: The split ``test`` (``SPLIT_SCHEMA``).
        predictions: The answers (``PREDICTION_SCHEMA``).
        camera: Regular expression of the slice by camera, as the evaluation used it; "" for none.

    Raises:
        RegionHeadsError: A question has no answer.
    """
    answers = {row["id"]: row for row in predictions.to_pylist()}
    rows = []
    for row in test.to_pylist():
        answer = answers.get(row["id"])
        if answer is None:
            raise RegionHeadsError(
                f"predictions: no answer to the test question {row['id']!r}; run the step evaluate again"
            )
        rows.append(row | {key: value for key, value in answer.items() if key not in ("id", "task")} | {"slices": {}})
    _cut(rows, camera)
    return rows


def _cut(rows: list[Row], camera: str) -> None:
    """Slices are the evaluation's, which leaves questions without an answer out."""
    judged = [row for row in rows if row["answer"] is not None]
    views = [
        slices.Row(
            image=row["image"],
            question=row["question"],
            rle=row["rle"],
            width=row["width"],
            height=row["height"],
            truth=json.loads(row["answer"]),
            has_depth=row["depth"] is not None,
        )
        for row in judged
    ]
    for name, labels in slice_labels([row["task"] for row in judged], views, camera=camera).items():
        for row, label in zip(judged, labels, strict=True):
            if label is not None:
                row["slices"][name] = label
