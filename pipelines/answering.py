"""Answers a file of questions: the line's own steps validate and tag_tasks, then the model."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.sections import DatasetParams
from components.tag_tasks.params import Params as TagParams
from components.tag_tasks.step import tag_tasks
from components.validate.checking import check, hold
from components.validate.params import Params as ValidateParams
from region_heads.errors import RegionHeadsError
from region_heads.prediction import predict
from region_heads.tasks import Task


def answer_file(
    model: Path, records: Path, *, images: Path, depths: Path | None, depth_scale: float, scratch: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Answers every sound question of ``records``.

    Args:
        model: Folder of a saved model.
        records: Questions in one of the formats that ``validate`` reads.
        images: Folder that their images lie in.
        depths: Folder of depth images, ``NAME_depth.png`` for ``NAME.png``; None when there are none.
        depth_scale: Metres for one unit of a depth image.
        scratch: An empty folder for what lies between the steps.

    Returns:
        Answers in the order of the file, and the reasons why other questions have none.

    Raises:
        RegionHeadsError: There is no file, no question of it can be answered, or the model has no head for one.
    """
    if not records.is_file():
        raise RegionHeadsError(f"{records}: no such file")
    # The step takes pictures below one folder; links bring the three places together.
    dataset = scratch / "dataset"
    dataset.mkdir(parents=True)
    (dataset / "images").symlink_to(images.absolute())
    if depths is not None:
        (dataset / "depths").symlink_to(depths.absolute())
    (dataset / records.name).symlink_to(records.absolute())
    layout = DatasetParams(
        annotations=records.name,
        images="images/{image}",
        depths="depths/{stem}_depth.png" if depths is not None else "",
        depth_scale=depth_scale,
    )
    # The steps tell of files that are gone afterwards; what they refuse is returned.
    with contextlib.redirect_stdout(io.StringIO()):
        content = check(
            dataset=dataset,
            records=scratch / "records.parquet",
            quarantine=scratch / "quarantine.jsonl",
            data_docs=scratch / "data_docs",
            report=scratch / "validation.json",
            data=layout,
            validate=ValidateParams(max_rejected_share=1.0),
        )
        hold(content, dataset=dataset, quarantine=scratch / "quarantine.jsonl")
        tag_tasks(
            records=scratch / "records.parquet",
            tagged=scratch / "tagged.parquet",
            quarantine=scratch / "untagged.jsonl",
            report=scratch / "router.json",
            tag_tasks=TagParams(),
        )
    table = pq.read_table(scratch / "tagged.parquet")
    rows = predict(model, table, dataset, depth_scale=depth_scale).to_pylist()
    rejected = [reason["message"] for line in _lines(scratch / "quarantine.jsonl") for reason in line["reasons"]]
    untagged = [line["reason"] for line in _lines(scratch / "untagged.jsonl")]
    return [_answer(row) for row in rows], rejected + untagged


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    task, answer = Task.of(row["task"]), json.loads(row["prediction"])
    return {
        "id": row["id"],
        "normalized_answer": str(answer) if task.names_region else answer,
        "freeform_answer": task.sentence(answer),
        "task": task.name,
        "confidence": round(row["confidence"], 4),
        "regions": [number for number, weight in enumerate(row["answer_weights"]) if weight >= 0.5],
    }


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
