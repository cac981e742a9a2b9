"""What a finished run has to say: the table, the gate's decision, and where to look further."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from components.params import load_params
from region_heads.console.terminal import plain_console
from region_heads.errors import public
from region_heads.evaluation.table import print_evaluation
from region_heads.files.inputs import read_json
from region_heads.files.step_files import Evaluation, Promotion
from region_heads.params_file import section
from region_heads.registry.local_store import store_address
from region_heads.registry.tracking import tracking_uri
from region_heads.settings import TrackingParams


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
    console = console or plain_console()
    print_evaluation(read_json(evaluation, Evaluation, writer="evaluate"), console)
    tracking = section(load_params(params), TrackingParams)
    uri = tracking_uri(tracking)
    if store is not None and not uri.startswith("http"):
        uri = store_address(store.absolute() / "mlflow.db")
    decision = read_json(promotion, Promotion, writer="promote")
    console.print(f"\n{tracking.model_name} version {decision['version']}: {decision['sentence']}\n")
    # soft_wrap: a path that is broken at the terminal's edge cannot be clicked or copied.
    console.print(f"Report: {report.absolute().as_uri()}", soft_wrap=True)
    if uri.startswith("http"):
        console.print(f"MLflow: {public(uri)}", soft_wrap=True)
    else:
        console.print(
            f"MLflow: .venv/bin/mlflow ui --backend-store-uri {shlex.quote(uri)}  (then http://localhost:5000)",
            soft_wrap=True,
        )
