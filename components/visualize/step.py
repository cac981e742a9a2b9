"""The step ``visualize``: the evaluation as one page to look at, with the pictures and the answers."""

from rich.console import Console

from components.ports import InputData, InputPath, OutputPage
from region_heads.console.terminal import plain_console
from region_heads.files.inputs import read_json
from region_heads.files.step_files import Evaluation
from region_heads.registry.registration.lineage import code_words
from region_heads.registry.tracking import tracking_run
from region_heads.report.settings import Params
from region_heads.report.writing import write_report
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
    run_id = read_json(evaluation, Evaluation, writer="evaluate")["run_id"]
    code = code_words(("region_heads", "components"))
    figures = write_report(
        dataset=dataset, splits=splits, predictions=predictions, evaluation=evaluation, curves=curves, router=router,
        report=report, settings=visualize, origin={"run": run_id or "", "drawn by": code},
    )  # fmt: skip
    _log(report.read_text(encoding="utf-8"), run_id, tracking, plain_console())
    return figures


def _log(page: str, run_id: str | None, tracking: TrackingParams, console: Console) -> None:
    """Logs the page into the run of the evaluation; a store that cannot be reached costs a sentence, not the page."""
    try:
        with tracking_run(tracking, run_id=run_id, name="visualize"):
            import mlflow

            mlflow.log_text(page, ARTIFACT)
    except Exception as error:  # MLflow lets errors of its drivers, of HTTP and of artifact stores through
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        console.print(f"The report was not logged to MLflow: {reason}", soft_wrap=True)
