"""The flattened table that the suite judges: one row per record, one plain value per cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.validate.judging import Judged
from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS, Task

if TYPE_CHECKING:
    import pandas as pd


def flat_row(number: int, judged: Judged) -> dict[str, Any]:
    """The flat row of an accepted record; targets stand in the column of their task."""
    import json

    row, areas = judged.row, judged.areas
    assert row is not None
    flat: dict[str, Any] = {
        "row": number,
        "id": row["id"],
        "file": judged.source.name,
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
        **{task.target_column: None for task in TASKS},
    }
    if row["category"] is not None and row["answer"] is not None:
        task = Task.of(row["category"])
        flat[task.target_column] = task.parse(json.loads(row["answer"]))
    return flat


def flat_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table whose columns keep their types also when it is empty or a column holds no value."""
    import pandas as pd

    columns = {
        **dict.fromkeys(("id", "file", "source_split", "image", "category"), "str"),
        **dict.fromkeys(("has_depth", "answered"), "bool"),
        **dict.fromkeys(
            (
                "row",
                "width",
                "height",
                "question_length",
                "n_placeholders",
                "n_masks",
                "mask_area_min",
                "mask_area_max",
            ),
            "int64",
        ),
        "mask_share_max": "float64",
        **{task.target_column: "str" if task.target_dtype == "string" else "float64" for task in TASKS},
        "category_share": "float64",
    }
    table = pd.DataFrame(rows, columns=list(columns)).astype(columns)
    share = table.groupby("category")["row"].transform("count") / max(1, table["category"].count())
    table["category_share"] = share.fillna(0.0)  # of records without a label
    return table
