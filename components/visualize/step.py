"""The step ``visualize``: the evaluation as one page to look at, with the pictures and the answers."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from components.inputs import read_json, read_table
from components.output import whole_file
from components.ports import InputPath, OutputPath
from components.visualize.gallery import Row, choose, payload
from components.visualize.page import render
from components.visualize.params import Params
from region_heads.errors import RegionHeadsError
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA


def visualize(
    *,
    dataset: InputPath,
    splits: InputPath,
    predictions: InputPath,
    evaluation: InputPath,
    curves: InputPath,
    report: OutputPath,
    visualize: Params,
) -> dict[str, float]:
    """Draws the report: one HTML file that needs no network and no other file.

    Args:
        dataset: The data set's folder, for the pictures.
        splits: Folder with ``test.parquet``.
        predictions: What the step ``evaluate`` wrote, one row per test question.
        evaluation: Its figures.
        curves: Training curves (CSV with ``step``, ``name`` and ``value``).
        report: Written: the page.
        visualize: Settings of this step.

    Returns:
        ``questions`` in the gallery and the page's size in ``megabytes``.

    Raises:
        RegionHeadsError: An input or a picture is missing, or the inputs do not belong together.
    """
    figures = read_json(evaluation, writer="evaluate", needs=["tasks"])
    rows = _join(
        read_table(splits / "test.parquet", SPLIT_SCHEMA, writer="split"),
        read_table(predictions, PREDICTION_SCHEMA, writer="evaluate"),
    )
    chosen = choose(rows, visualize.max_questions)
    page = render(
        title=visualize.title,
        evaluation=figures,
        rows=rows,
        curves=_read_curves(curves),
        gallery=payload(chosen, dataset, visualize),
    )
    with whole_file(report) as partial:
        partial.write_text(page, encoding="utf-8")
    megabytes = len(page.encode("utf-8")) / 1e6
    Console().print(
        f"Report with {len(chosen)} of {len(rows)} questions, {megabytes:.1f} MB: [bold]{report}[/]", soft_wrap=True
    )
    return {"questions": float(len(chosen)), "megabytes": round(megabytes, 2)}


def _join(test: pa.Table, predictions: pa.Table) -> list[Row]:
    """Test questions with their predictions, in the order of the test split."""
    answers = {row["id"]: row for row in predictions.to_pylist()}
    rows = []
    for row in test.to_pylist():
        answer = answers.get(row["id"])
        if answer is None:
            raise RegionHeadsError(
                f"predictions: no answer to the test question {row['id']!r}; run the step evaluate again"
            )
        rows.append(row | {key: value for key, value in answer.items() if key not in ("id", "task")})
    return rows


def _read_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Curves by name, each ordered by step; values that are no finite numbers are left out."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegionHeadsError(f"{path}: not readable as CSV: {error}") from None
    if lines and not {"step", "name", "value"} <= set(lines[0]):
        raise RegionHeadsError(
            f"{path}: expected the columns step, name and value, found {', '.join(map(str, lines[0]))}"
        )
    found: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(lines, start=2):
        try:
            step, value = float(line["step"]), float(line["value"] or "nan")
        except (TypeError, ValueError):
            raise RegionHeadsError(f"{path}: line {number}: expected numbers, found {dict(line)}") from None
        if math.isfinite(step) and math.isfinite(value):
            found.setdefault(line["name"], []).append((step, value))
    return {name: sorted(points) for name, points in found.items()}
