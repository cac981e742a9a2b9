"""What a training has to say to MLflow, its settings and its curves: sent at once, or delivered by a later step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from region_heads.registry.tracking import connect, in_words, tracking_run
from region_heads.settings import TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Sample = tuple[str, float, int, int]
"""A value of a curve: name, value, time in milliseconds since 1970, step."""

_DELIVERED_TAG = "region_heads.delivered"
_MOST = 1000  # what one request of MLflow may hold


def run_name(params: Mapping[str, Any]) -> str:
    """What MLflow's pages call a training: ``tiny, 30 epochs, seed 0``."""
    backbone = str(params["backbone"]).rstrip("/").rpartition("/")[2]
    return f"{backbone}, {params['epochs']:g} epochs, seed {params['seed']}"


def send_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    """Logs the settings of the step ``finetune``, each under its key in ``params.yaml``."""
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(f"finetune.{key}", str(value)) for key, value in params.items()])


def send_samples(client: MlflowClient, run_id: str, samples: Sequence[Sample]) -> None:
    """Logs values of curves, in as few requests as MLflow allows."""
    from mlflow.entities import Metric

    metrics = [Metric(name, value, time, step) for name, value, time, step in samples]
    for start in range(0, len(metrics), _MOST):
        client.log_batch(run_id, metrics=metrics[start : start + _MOST])


def deliver(tracking: TrackingParams, training: Mapping[str, Any]) -> str | None:
    """Sends what ``training.json`` says MLflow did not get while the model trained; done once, however often called.

    Returns:
        The run of the training, None where there is none and nothing to make one of.

    Raises:
        RegionHeadsError: MLflow cannot be reached (now either).
    """
    run_id, left = training.get("mlflow_run_id"), training.get("undelivered")
    if not left:
        return run_id
    client = connect(tracking)
    with in_words(client):
        delivered = _delivered(client, tracking, left["id"])
        if delivered is not None:
            return str(delivered.info.run_id)
        with tracking_run(tracking, run_id=run_id, name=run_name(training["params"])) as run:
            if left["params"]:
                send_params(client, run.info.run_id, training["params"])
            send_samples(client, run.info.run_id, left["samples"])
            client.set_tag(run.info.run_id, _DELIVERED_TAG, left["id"])
        if left["open"]:
            client.set_terminated(run.info.run_id)
    print(
        "Sent to MLflow, which was unreachable during the training: "
        f"{len(left['samples'])} values of the training's curves"
    )
    return str(run.info.run_id)


def _delivered(client: MlflowClient, tracking: TrackingParams, identity: str) -> Run | None:
    experiment = client.get_experiment_by_name(tracking.experiment)
    if experiment is None:
        return None
    found = client.search_runs([experiment.experiment_id], f"tags.`{_DELIVERED_TAG}` = '{identity}'", max_results=1)
    return found[0] if found else None
