"""The step ``validate``: judges every record, keeps what is rejected, and stops the line when it is too much."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.ports import InputData, OutputData, OutputPath
from region_heads.errors import RegionHeadsError
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.settings import Params
from region_heads.registry.tracking import tracking_run
from region_heads.report.validation import write_page
from region_heads.settings import DatasetParams, TrackingParams

_FIGURES = ("read", "accepted", "quarantined")


def run(
    *,
    dataset: InputData,
    records: OutputData,
    quarantine: OutputPath,
    data_docs: OutputPath,
    report: OutputPath,
    data: DatasetParams,
    validate: Params,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Checks every record and every picture; what is rejected goes to quarantine with its reasons.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        Records read, accepted and quarantined.
    """
    content = check(
        dataset=dataset, records=records, quarantine=quarantine, data_docs=data_docs, report=report, data=data,
        validate=validate,
    )  # fmt: skip
    write_page(content, data_docs)
    _log(tracking, content, data_docs)
    hold(content, dataset=dataset, quarantine=quarantine)
    return {name: float(content[name]) for name in _FIGURES}


def _log(tracking: TrackingParams, content: Mapping[str, Any], data_docs: Path) -> None:
    """Logs what was found; the data is judged, so an unreachable MLflow stops nothing."""
    try:
        with tracking_run(tracking, name="validate"):
            import mlflow

            mlflow.log_metrics({f"validate/{name}": content[name] for name in _FIGURES})
            mlflow.log_dict(dict(content), "validate/validation.json")
            mlflow.log_artifacts(str(data_docs), "validate/data_docs")
    except RegionHeadsError as error:
        print(f"  validation.json and the Data Docs are not recorded in MLflow: {error}")
