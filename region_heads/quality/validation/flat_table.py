"""The flattened table that the suite judges: one row per record, one plain value per cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS, Task

if TYPE_CHECKING:
    import pandas as pd

FLAT_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string()),
        pa.field("record", pa.int64()),
        pa.field("id", pa.string()),
        pa.field("source_split", pa.string()),
        pa.field("image", pa.string()),
        pa.field("has_depth", pa.bool_()),
        pa.field("width", pa.int64()),
        pa.field("height", pa.int64()),
        pa.field("question_length", pa.int64()),
        pa.field("n_placeholders", pa.int64()),
        pa.field("n_masks", pa.int64()),
        pa.field("mask_area_min", pa.int64()),
        pa.field("mask_area_max", pa.int64()),
        pa.field("mask_share_max", pa.float64()),
        pa.field("category", pa.string()),
        pa.field("answered", pa.bool_()),
        *(
            pa.field(task.target_column, pa.string() if task.target_dtype == "string" else pa.float64())
            for task in TASKS
        ),
    ]
)


def flat_row(row: dict[str, Any], *, file: str, record: int) -> dict[str, Any]:
    """The flat row of an accepted record (``RECORD_SCHEMA``); targets stand in the column of their task."""
    areas = row["mask_areas"]
    flat: dict[str, Any] = {
        "file": file,
        "record": record,
        "id": row["id"],
        "source_split": row["source_split"],
        "image": row["image"],
        "has_depth": row["depth"] is not None,
        "width": row["width"],
        "height": row["height"],
        "question_length": len(row["question"]),
        "n_placeholders": row["question"].count(MASK_TOKEN),
        "n_masks": len(row["rle"]),
        "mask_area_min": min(areas),
        "mask_area_max": max(areas),
        "mask_share_max": max(areas) / (row["width"] * row["height"]),
        "category": row["category"],
        "answered": row["answer"] is not None,
    }
    if row["category"] is not None and row["answer"] is not None:
        task = Task.of(row["category"])
        flat[task.target_column] = task.parse(json.loads(row["answer"]))
    return flat


def flat_table(batches: Sequence[pa.RecordBatch]) -> pd.DataFrame:
    """The rows as a table whose columns keep their types also when it is empty or a column holds no value.

    Two columns join them: ``row``, the place among the accepted records, and ``category_share``, the share of the
    row's category among all labelled ones.
    """
    import numpy as np

    table: pd.DataFrame = pa.Table.from_batches(batches, schema=FLAT_SCHEMA).to_pandas()
    table["row"] = np.arange(len(table))
    share = table.groupby("category")["row"].transform("count") / max(1, table["category"].count())
    table["category_share"] = share.fillna(0.0).astype("float64")  # of records without a label
    return table
