"""The registered model as MLflow loads it: this file travels with the model folder (models from code).

Input, one row per question: ``question`` with a ``<mask>`` for each region, ``image`` (path or base64),
``regions`` (COCO compressed RLE, one per ``<mask>``), and optionally ``depth`` (path or base64), ``task`` and
``field_of_view`` (degrees across the picture's width).
A model that was trained with depth images answers without only where the parameter ``without_depth`` is true.
Without a task the question is routed by its words. Output: ``answer``, ``task``, ``unit``, ``confidence``,
``sentence``, ``regions`` (that the answer is about) and ``anchors`` (regions that helped to find them).

Equal pictures in several rows share a pass. One bad row refuses the request, which a server answers with status 400.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException


class RegionHeadsPythonModel(mlflow.pyfunc.PythonModel):
    """Wraps ``region_heads.asking.ask`` for one row per question."""

    def load_context(self, context: Any) -> None:
        """Loads the model folder that lies among the artifacts."""
        from region_heads.prediction import load

        self._model = load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Answers each row; see the top of this file for the columns.

        Where REGION_HEADS_IMAGE_ROOT is set, as a server that others can reach should have it, paths of pictures count
        from that folder and cannot leave it.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, with the row and field that is wrong, what was expected and found.
        """
        del context
        from region_heads.asking import Images, Refusal, ask

        root = os.environ.get("REGION_HEADS_IMAGE_ROOT")
        replies = ask(
            self._model,
            [_asked(row) for row in model_input.to_dict(orient="records")],
            images=Images(Path(root) if root else None),
            depth_scale=float((params or {}).get("depth_scale", 0.001)),
            without_depth=bool((params or {}).get("without_depth", False)),
        )
        answers = []
        for number, reply in enumerate(replies):
            if isinstance(reply, Refusal):
                raise MlflowException.invalid_parameter_value(f"row {number}: field {reply}")
            answers.append(
                {
                    "answer": str(reply.answer),
                    "task": reply.task,
                    "unit": reply.unit,
                    "confidence": reply.confidence,
                    "sentence": reply.sentence,
                    "regions": reply.regions,
                    "anchors": reply.anchors,
                }
            )
        return pd.DataFrame(answers)


def _asked(row: Mapping[Any, Any]) -> Any:
    from region_heads.asking import RegionQuestion

    regions = row["regions"]
    return RegionQuestion(
        question=row["question"],
        image=row["image"],
        # MLflow hands lists over as arrays.
        regions=list(regions) if hasattr(regions, "__len__") and not isinstance(regions, str) else regions,
        depth=_given(row.get("depth")),
        task=_given(row.get("task")),
        field_of_view=_given(row.get("field_of_view")),
    )


def _given(value: Any) -> Any:
    """An optional field; MLflow fills a missing one with None or NaN."""
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN differs from itself


mlflow.models.set_model(RegionHeadsPythonModel())
