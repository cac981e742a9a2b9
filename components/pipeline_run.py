"""The MLflow run of a whole pipeline run: every step's run lies below it, and a failed step is recorded in it.

Where Kubeflow's MLflow plugin opens the runs (``MLFLOW_RUN_ID``), it also closes them, and logs what belongs to a step;
what went wrong and how it ended stands in the outermost of them, for ``notify`` to read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from region_heads.errors import RegionHeadsError, explain, public
from region_heads.registry.tracking import PIPELINE_RUN, connect, in_words, parent_run
from region_heads.settings import TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient

WEBHOOK = "REGION_HEADS_WEBHOOK"
"""Environment variable with the address that messages go to; it comes from a secret."""

OUTCOME = "region_heads.outcome"
"""Tag with a sentence on how the run ended, where that is no version's fate."""

FAILED_STEP = "region_heads.failed_step"
FAILED_REASON = "region_heads.failed_reason"
_LONGEST = 5_000  # characters that MLflow takes as a tag's value


def record_figures(step: str, figures: Mapping[str, float], tracking: TrackingParams) -> None:
    """Logs a step's headline figures as a run of its own below the pipeline's, unless the step has opened one.

    An unreachable store is reported, and stops nothing: the figures are among the step's outputs, too.
    """
    if not _ours():
        return
    try:
        client = connect(tracking)
        with in_words(client):
            _log(client, step, figures, tracking)
    except RegionHeadsError as error:
        print(f"{step}: its figures were not recorded: {error}")


def record_failure(step: str, reason: str, tracking: TrackingParams) -> None:
    """Marks the pipeline's run as failed, with the step and its words, for who reads it and for ``notify``."""
    if not os.environ.get(PIPELINE_RUN):
        return
    try:
        client = connect(tracking)
        with in_words(client):
            parent = parent_run(client, tracking)
            client.set_tag(parent, FAILED_STEP, step)
            client.set_tag(parent, FAILED_REASON, public(reason)[:_LONGEST])
            if _ours():
                client.set_terminated(parent, "FAILED")
    except Exception as error:  # what is to be reported is the step's failure, not that of recording it
        print(f"{step}: its failure was not recorded: {explain(error) or error!r}")


def record_outcome(sentence: str, tracking: TrackingParams) -> None:
    """Writes down in the pipeline's run why it ended as it did."""
    if os.environ.get(PIPELINE_RUN):
        client = connect(tracking)
        with in_words(client):
            client.set_tag(parent_run(client, tracking), OUTCOME, public(sentence)[:_LONGEST])


def record_end(tracking: TrackingParams, *, status: str = "FINISHED") -> None:
    """Closes the pipeline's run."""
    if _ours():
        client = connect(tracking)
        with in_words(client):
            client.set_terminated(parent_run(client, tracking), status)


def _ours() -> bool:
    return bool(os.environ.get(PIPELINE_RUN)) and not os.environ.get("MLFLOW_RUN_ID")


def _log(client: MlflowClient, step: str, figures: Mapping[str, float], tracking: TrackingParams) -> None:
    from mlflow.entities import Metric
    from mlflow.utils.time import get_current_time_millis

    parent = client.get_run(parent_run(client, tracking))
    tags = {"mlflow.parentRunId": parent.info.run_id}
    own = f"tags.mlflow.parentRunId = '{parent.info.run_id}' and attributes.run_name = '{step}'"
    if client.search_runs([parent.info.experiment_id], own, max_results=1):
        return
    run = client.create_run(parent.info.experiment_id, run_name=step, tags=tags)
    now = get_current_time_millis()
    metrics = [Metric(name, float(value), now, 0) for name, value in figures.items()]
    client.log_batch(run.info.run_id, metrics=metrics)
    client.set_terminated(run.info.run_id, "FINISHED")
