"""The step ``visualize``: the evaluation as one page to look at, with the pictures and the answers."""

import csv
import io
import math
from pathlib import Path

from rich.console import Console

from components.ports import InputData, InputPath, OutputPage
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.files.inputs import read_json, read_table
from region_heads.files.output import whole_file
from region_heads.files.step_files import Evaluation, Routing
from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
from region_heads.registry.tracking import tracking_run
from region_heads.report.composing import render
from region_heads.report.gallery import choose, payload
from region_heads.report.rows import join
from region_heads.report.settings import Params
from region_heads.settings import TrackingParams

ARTIFACT = "report.html"
"""The page's name in the MLflow run; paths of ports have no ending by which a viewer would know a page."""


def run(
    *,
    dataset: InputData,
    splits: InputData,
    predictions: InputData,
    evaluation: InputPath,
    curves: InputPath,
    router: InputPath,
    report: OutputPage,
    visualize: Params,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Draws the report: one HTML file that needs no network and no other file.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        ``questions`` in the gallery and the page's size in ``megabytes``.
    """
    figures = read_json(evaluation, Evaluation, writer="evaluate")
    routed = read_json(router, Routing, writer="tag_tasks")
    rows = join(
        read_table(splits / "test.parquet", SPLIT_SCHEMA, writer="split"),
        read_table(predictions, PREDICTION_SCHEMA, writer="evaluate"),
        camera=figures["camera"],
    )
    chosen = choose(rows, visualize.max_questions)
    page = render(
        title=visualize.title,
        evaluation=figures,
        rows=rows,
        curves=_read_curves(curves),
        router=routed,
        gallery=payload(chosen, dataset, visualize),
    )
    with whole_file(report) as partial:
        partial.write_text(page, encoding="utf-8")
    megabytes = len(page.encode("utf-8")) / 1e6
    console = plain_console()
    console.print(f"Report with {len(chosen)} of {len(rows)} questions, {megabytes:.1f} MB: {report}", soft_wrap=True)
    _log(page, figures["run_id"], tracking, console)
    return {"questions": float(len(chosen)), "megabytes": round(megabytes, 2)}


def _log(page: str, run_id: str | None, tracking: TrackingParams, console: Console) -> None:
    """Logs the page into the run of the evaluation; a store that cannot be reached costs a sentence, not the page."""
    try:
        with tracking_run(tracking, run_id=run_id, name="visualize"):
            import mlflow

            mlflow.log_text(page, ARTIFACT)
    except Exception as error:  # MLflow lets errors of its drivers, of HTTP and of artifact stores through
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        console.print(f"The report was not logged to MLflow: {reason}", soft_wrap=True)


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
