"""The report of an evaluation as a file, from the files of the steps before."""

import csv
import io
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import read_json, read_table
from region_heads.files.output import whole_file
from region_heads.files.step_files import Evaluation, Routing
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.report.composing import render
from region_heads.report.gallery import choose, payload
from region_heads.report.rows import join
from region_heads.report.settings import Params


def write_report(
    *,
    dataset: Path,
    splits: Path,
    predictions: Path,
    evaluation: Path,
    curves: Path,
    router: Path,
    report: Path,
    settings: Params,
    origin: Mapping[str, str],
) -> dict[str, float]:
    """Draws the report: one HTML file that needs no network and no other file.

    Args:
        dataset: Folder of the pictures.
        splits: Folder of the split tables.
        predictions, evaluation: What ``evaluate`` wrote.
        curves: CSV of ``finetune``.
        router: Report of ``tag_tasks``.
        report: Written.
        settings: What is shown.
        origin: What the head says beside data and date, by its name there: the run, and the code that draws the page.

    Returns:
        ``questions`` in the gallery and the page's size in ``megabytes``.

    Raises:
        RegionHeadsError: An input is missing, or not as its step writes it.
    """
    figures = read_json(evaluation, Evaluation, writer="evaluate")
    routed = read_json(router, Routing, writer="tag_tasks")
    rows = join(
        read_table(splits / "test.parquet", SPLIT_SCHEMA, writer="split"),
        read_table(predictions, PREDICTION_SCHEMA, writer="evaluate"),
        camera=figures["camera"],
    )
    chosen = choose(rows, settings.max_questions)
    page = render(
        title=settings.title,
        evaluation=figures,
        rows=rows,
        curves=_read_curves(curves),
        router=routed,
        gallery=payload(chosen, dataset, settings),
        origin={
            **origin,
            "data": f"{dataset.resolve().name}, records {(figures['records_digest'] or 'unknown')[:12]}",
            "drawn": f"{datetime.now():%Y-%m-%d %H:%M}",
        },
    )
    with whole_file(report) as partial:
        partial.write_text(page, encoding="utf-8")
    megabytes = len(page.encode("utf-8")) / 1e6
    plain_console(soft_wrap=True).print(
        f"Report with {len(chosen)} of {len(rows)} questions, {megabytes:.1f} MB: {report}"
    )
    return {"questions": float(len(chosen)), "megabytes": round(megabytes, 2)}


def _read_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Curves by name, each ordered by step; values that are no finite numbers are left out."""
    try:
        text = path.read_text(encoding="utf-8")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        lines, columns = list(reader), reader.fieldnames or ()
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; run the step finetune first") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise RegionHeadsError(f"{path}: not readable as CSV: {error}; run the step finetune again") from None
    if not {"step", "name", "value"} <= set(columns):
        named = ", ".join(map(str, columns)) or "none"
        raise RegionHeadsError(f"{path}: expected the columns step, name and value, found {named}")
    if not text.endswith("\n"):
        raise RegionHeadsError(f"{path}: expected whole lines, found a last one that is cut off; run finetune again")
    found: dict[str, list[tuple[float, float]]] = {}
    for number, line in enumerate(lines, start=2):
        try:
            step, value = float(line["step"]), float(line["value"] or "nan")
        except (TypeError, ValueError):
            raise RegionHeadsError(f"{path}: line {number}: expected numbers, found {dict(line)}") from None
        if math.isfinite(step) and math.isfinite(value):
            found.setdefault(line["name"], []).append((step, value))
    return {name: sorted(points) for name, points in found.items()}
