"""The model as an MLflow artifact: its folder, its code, its signature, an example and the data it saw."""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from region_heads.registry.champion import MODEL_ARTIFACT
from region_heads.registry.dataset_input import log_splits
from region_heads.registry.registration.lineage import MODEL_CODE, PACKAGE, shipped_files

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

# What answering needs; the rest of the project's dependencies are for the line.
_REQUIREMENTS = (
    "mlflow", "torch", "transformers", "accelerate", "safetensors", "tokenizers", "numpy", "pandas", "pyarrow",
    "pillow", "pycocotools",
)  # fmt: skip


def log_model(model: Path, splits: Path, tags: Mapping[str, str], *, depth_scale: float) -> str:
    """Logs the model and its training data into the active run and returns the model's address.

    What of the package it needs travels along, so that the version loads where this project is not installed.
    """
    import mlflow

    log_splits(splits, digest=tags["data_revision"], split="train", context="training")
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / PACKAGE.name
        for file in shipped_files():
            copy = package / file.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(MODEL_CODE),
            artifacts={MODEL_ARTIFACT: str(model)},
            code_paths=[str(package)],
            signature=signature(depth_scale),
            input_example=input_example(splits),
            pip_requirements=_pinned(),
            metadata={"model_digest": tags["model_digest"], "data_revision": tags["data_revision"]},
        )
    return str(logged.model_uri)


def signature(depth_scale: float) -> ModelSignature:
    """Columns in and out, as described at the top of ``model_code.py``; ``depth_scale`` as in the evaluation."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    text = DataType.string
    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(text, "question"),
                ColSpec(text, "image"),
                ColSpec(Array(text), "regions"),
                ColSpec(text, "depth", required=False),
                ColSpec(text, "task", required=False),
                ColSpec(DataType.double, "field_of_view", required=False),
            ]
        ),
        outputs=Schema(
            [
                *(ColSpec(text, name) for name in ("answer", "task", "unit")),
                ColSpec(DataType.double, "confidence"),
                ColSpec(text, "sentence"),
                ColSpec(Array(DataType.long), "regions"),
                ColSpec(Array(DataType.long), "anchors"),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("depth_scale", DataType.double, depth_scale),
                ParamSpec("without_depth", DataType.boolean, False),
            ]
        ),
    )


def input_example(splits: Path) -> pd.DataFrame:
    """A training question about a plain grey picture of the right size: small and self-contained.

    It is about the first picture with a depth image, where there is one; a flat one stands for it.
    """
    import pandas as pd
    from PIL import Image

    table = pq.read_table(splits / "train.parquet", columns=["question", "rle", "task", "width", "height", "depth"])
    first = max(0, pc.index(table["depth"].is_valid(), True).as_py())
    row = table.slice(first, 1).to_pylist()[0]

    def plain(mode: str, colour: str | int) -> str:
        buffer = io.BytesIO()
        Image.new(mode, (row["width"], row["height"]), colour).save(buffer, format="PNG", optimize=True)
        return base64.b64encode(buffer.getvalue()).decode("ascii")

    depth = {} if row["depth"] is None else {"depth": [plain("I;16", 5000)]}
    pictures = {"image": [plain("RGB", "#808080")], **depth}
    return pd.DataFrame({"question": [row["question"]], **pictures, "regions": [row["rle"]], "task": [row["task"]]})


def _pinned() -> list[str]:
    pinned = []
    for package in _REQUIREMENTS:
        try:
            # A local build label ("+cpu") is no release of the package index.
            pinned.append(f"{package}=={version(package).partition('+')[0]}")
        except PackageNotFoundError:
            continue
    return pinned
