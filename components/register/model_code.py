"""The registered model as MLflow loads it: this file travels with the model folder (models from code).

Input, one row per question: ``question`` with a ``<mask>`` for each region, ``image`` (path or base64),
``regions`` (COCO compressed RLE, one per ``<mask>``), and optionally ``depth`` (path or base64) and ``task``.
Without a task the question is routed by its words. Output: ``answer``, ``task``, ``unit``, ``confidence``,
``sentence``, ``regions`` (that the answer is about) and ``anchors`` (regions that helped to find them).
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class RegionHeadsPythonModel(mlflow.pyfunc.PythonModel):
    """Wraps ``region_heads.prediction.predict`` for one row per question."""

    def load_context(self, context: Any) -> None:
        """Loads the model folder that lies among the artifacts."""
        from region_heads.prediction import load

        self._model = load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Answers each row; see the top of this file for the columns.

        Raises:
            RegionHeadsError: A picture cannot be read, masks and ``<mask>`` differ in number, or no head answers
                a question's task.
        """
        del context
        import pyarrow as pa

        from region_heads.prediction import predict
        from region_heads.tasks import Task

        settings = params or {}
        with tempfile.TemporaryDirectory() as folder:
            rows = [
                _record(number, row, Path(folder)) for number, row in enumerate(model_input.to_dict(orient="records"))
            ]
            answers = predict(
                self._model,
                pa.Table.from_pylist(rows),
                Path(folder),
                depth_scale=float(settings.get("depth_scale", 0.001)),
            ).to_pylist()
        return pd.DataFrame(
            [
                {
                    "answer": str(answer),
                    "task": row["task"],
                    "unit": Task.of(row["task"]).unit,
                    "confidence": float(row["confidence"]),
                    "sentence": Task.of(row["task"]).sentence(answer),
                    "regions": _used(row["answer_weights"]),
                    "anchors": _used(row["anchor_weights"]),
                }
                for row, answer in ((row, json.loads(row["prediction"])) for row in answers)
            ]
        )


def _used(weights: list[float]) -> list[int]:
    return [region for region, weight in enumerate(weights) if weight >= 0.5]


def _record(number: int, row: Mapping[Any, Any], folder: Path) -> dict[str, Any]:
    """One row as a tagged record whose picture lies below ``folder``."""
    from PIL import Image, UnidentifiedImageError

    from region_heads.errors import RegionHeadsError
    from region_heads.records import IMAGE_PREFIX, MASK_TOKEN
    from region_heads.tasks import Task

    question = str(row["question"]).removeprefix(IMAGE_PREFIX)
    regions = [str(counts) for counts in row["regions"]]
    if question.count(MASK_TOKEN) != len(regions):
        raise RegionHeadsError(
            f"row {number}: field regions: expected one for each of the {question.count(MASK_TOKEN)} "
            f"{MASK_TOKEN} of the question, found {len(regions)}"
        )
    image = _file(number, "image", row["image"], folder)
    try:
        with Image.open(folder / image) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError) as error:
        raise RegionHeadsError(f"row {number}: field image: not readable as a picture: {error}") from None
    return {
        "id": str(number),
        "image": image,
        "depth": _file(number, "depth", row["depth"], folder) if _given(row.get("depth")) else None,
        "width": width,
        "height": height,
        "question": question,
        "rle": regions,
        "task": Task.of(str(row["task"])).name if _given(row.get("task")) else _route(number, question),
    }


def _route(number: int, question: str) -> str:
    from region_heads.errors import RegionHeadsError
    from region_heads.tagging.grammar import UNKNOWN, tag

    found = tag(question)
    if found.task == UNKNOWN:
        raise RegionHeadsError(
            f"row {number}: field question: no task can be read from its words ({found.confidence:.0%} sure of the "
            "best guess); name the task"
        )
    return found.task


def _given(value: Any) -> bool:
    """Whether an optional field holds something; MLflow fills a missing one with None or NaN."""
    return isinstance(value, str) and value != ""


def _file(number: int, field: str, value: Any, folder: Path) -> str:
    """Name below ``folder`` of the picture that ``value`` gives, by its path or its content in base64."""
    from region_heads.errors import RegionHeadsError

    target = folder / f"{number}_{field}"
    text = str(value)
    found = _path(text)
    if found is not None:
        target.symlink_to(found)
        return target.name
    try:
        content = base64.b64decode(text.rpartition(",")[2], validate=True)
    except binascii.Error:
        content = b""
    if not io.BytesIO(content).getbuffer().nbytes:
        shown = text if len(text) < 80 else text[:77] + "..."
        raise RegionHeadsError(f"row {number}: field {field}: neither a file nor base64: {shown!r}")
    target.write_bytes(content)
    return target.name


def _path(text: str) -> Path | None:
    """The file that ``text`` names, None when it names none.

    Where REGION_HEADS_IMAGE_ROOT is set, as a server that others can reach should have it, paths count from that
    folder and cannot leave it.
    """
    root = os.environ.get("REGION_HEADS_IMAGE_ROOT")
    try:
        path = (Path(root) / text if root else Path(text)).resolve()
        inside = root is None or path.is_relative_to(Path(root).resolve())
        return path if inside and path.is_file() else None
    except (OSError, ValueError):
        return None  # base64 is longer than a file's name may be


mlflow.models.set_model(RegionHeadsPythonModel())
