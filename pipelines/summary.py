"""What a finished run has to say: the table, the gate's decision, and where to look further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from components.evaluate.table import print_evaluation
from components.params import load_params, section
from components.sections import TrackingParams
from components.tracking import tracking_uri
from region_heads.errors import RegionHeadsError


def print_summary(
    *,
    evaluation: Path,
    promotion: Path,
    report: Path,
    params: Path = Path("params.yaml"),
    store: Path | None = None,
    console: Console | None = None,
) -> None:
    """Prints the per-task table of ``evaluation``, the gate's decision, and how to open the report and MLflow.

    ``store`` is the folder of the SQLite store that was used in place of the one in ``params``.

    Raises:
        RegionHeadsError: The line has not been run.
    """
    console = console or Console()
    print_evaluation(_read(evaluation), console)
    tracking = section(load_params(params), TrackingParams)
    uri = tracking_uri(tracking)
    if store is not None and not uri.startswith("http"):
        uri = f"sqlite:///{store}/mlflow.db"
    decision = _read(promotion)
    console.print(f"\n{tracking.model_name} version {decision['version']}: {decision['sentence']}\n")
    # soft_wrap: a path that is broken at the terminal's edge cannot be clicked or copied.
    console.print(f"Report: {report.absolute().as_uri()}", soft_wrap=True)
    if uri.startswith("http"):
        console.print(f"MLflow: {uri}", soft_wrap=True)
    else:
        console.print(
            f"MLflow: .venv/bin/mlflow ui --backend-store-uri {uri}  (then http://localhost:5000)", soft_wrap=True
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: not there yet; `make run` writes it") from None
    return content


if __name__ == "__main__":
    try:
        print_summary(
            evaluation=Path("metrics/evaluation.json"),
            promotion=Path("metrics/promotion.json"),
            report=Path("reports/report.html"),
        )
    except RegionHeadsError as error:
        raise SystemExit(str(error)) from None
