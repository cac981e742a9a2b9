"""MLflow for the steps: one place that connects, opens a run or joins the one that a pipeline has opened.

``MLFLOW_TRACKING_URI`` in the environment wins over ``tracking.uri``. A run that is handed over, by its id
or through ``MLFLOW_RUN_ID`` (Kubeflow's MLflow plugin sets it), is joined and afterwards left in the state
in which it was found: who opened it closes it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from components.sections import TrackingParams
from region_heads.errors import RegionHeadsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PIPELINE_RUN = "REGION_HEADS_PIPELINE_RUN"
"""Environment variable with the id of the pipeline run that a step belongs to."""

_PIPELINE_RUN_TAG = "region_heads.pipeline_run"
_SQLITE = "sqlite:///"


def tracking_uri(tracking: TrackingParams) -> str:
    """The address that is in force: the environment's, else the one in ``params.yaml``.

    A relative SQLite path counts from the working directory and is returned absolute, so that a later change
    of directory cannot split the store in two.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or tracking.uri
    if uri.startswith(_SQLITE) and not uri.startswith(_SQLITE + "/"):
        return _SQLITE + str(Path(uri.removeprefix(_SQLITE)).absolute())
    return uri


def connect(tracking: TrackingParams) -> MlflowClient:
    """A client of the store that is in force; a SQLite store is created on first use.

    Raises:
        RegionHeadsError: The store cannot be reached or opened.
    """
    # A server that does not answer should fail the step in seconds, not after MLflow's seven retries.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow

    # A new SQLite store tells of its forty schema migrations; nobody who waits for a table wants those.
    for name in ("alembic", "alembic.runtime.migration", "mlflow.store", "mlflow.store.db.utils", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = tracking_uri(tracking)
    if uri.startswith(_SQLITE):
        Path(uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    try:
        # MLflow writes both addresses into the environment, where they would pass for the user's own.
        with _environment_kept("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
    except Exception as error:  # MLflow lets errors of its drivers and of HTTP through
        raise RegionHeadsError(
            f"MLflow at {uri}: not usable ({type(error).__name__}: {_first_line(error)}); "
            "check tracking.uri in params.yaml and MLFLOW_TRACKING_URI"
        ) from error
    return client


@contextlib.contextmanager
def in_words(client: MlflowClient) -> Iterator[None]:
    """Tells in words what MLflow raises inside: a store that goes away while a step works, a right that is missing.

    Raises:
        RegionHeadsError: In place of an exception of MLflow.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise RegionHeadsError(f"MLflow at {client.tracking_uri}: {error.error_code}: {_first_line(error)}") from error


@contextlib.contextmanager
def tracking_run(tracking: TrackingParams, *, run_id: str | None = None, name: str) -> Iterator[Run]:
    """Opens a run called ``name``, or joins one; inside, ``mlflow.log_*`` write to it.

    Args:
        tracking: Store and experiment.
        run_id: A run to join. One that this store does not know (the model came from another machine) is no
            error: a new run is opened that carries the tag ``region_heads.source_run_id``.
        name: Name of the run when a new one is opened.

    Yields:
        The MLflow run, ``run.info.run_id`` being its id.

    Raises:
        RegionHeadsError: As :func:`connect`.
    """
    client = connect(tracking)
    import mlflow

    joined = _find_run(client, run_id) or _find_run(client, os.environ.get("MLFLOW_RUN_ID"))
    if joined is None:
        tags = {"region_heads.source_run_id": run_id} if run_id else {}
        if os.environ.get(PIPELINE_RUN):
            tags["mlflow.parentRunId"] = parent_run(client, tracking)
        experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or _experiment(client, tracking.experiment)
        with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags) as run:
            yield run
        return
    try:
        # MLflow forgets MLFLOW_RUN_ID when a run ends; a later step in this process still belongs to it.
        with _environment_kept("MLFLOW_RUN_ID"), mlflow.start_run(run_id=joined.info.run_id) as run:
            yield run
    finally:
        client.update_run(joined.info.run_id, status=joined.info.status)


def parent_run(client: MlflowClient, tracking: TrackingParams) -> str:
    """Id of the run that stands for the pipeline run in ``REGION_HEADS_PIPELINE_RUN``; the first step creates it.

    The first step is alone; where two ask at the same time nevertheless, the older run counts.
    """
    pipeline_run = os.environ[PIPELINE_RUN]
    experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or _experiment(client, tracking.experiment)
    wanted = f"tags.`{_PIPELINE_RUN_TAG}` = '{pipeline_run}'"

    def oldest() -> str | None:
        found = client.search_runs([experiment], wanted, order_by=["attributes.start_time ASC"], max_results=1)
        return str(found[0].info.run_id) if found else None

    known = oldest()
    if known is None:
        tags = {_PIPELINE_RUN_TAG: pipeline_run}
        client.create_run(experiment, run_name=f"pipeline {pipeline_run[:8]}", tags=tags)
        known = oldest()
        assert known is not None
    return known


@contextlib.contextmanager
def _environment_kept(*names: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _find_run(client: MlflowClient, run_id: str | None) -> Run | None:
    from mlflow.exceptions import MlflowException

    if not run_id:
        return None
    try:
        run = client.get_run(run_id)
    except MlflowException:
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _experiment(client: MlflowClient, name: str) -> str:
    """Id of the experiment, created when it is new; a local store keeps artifacts beside its database."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise RegionHeadsError(
                f"MLflow experiment {name!r} is deleted; restore it or give tracking.experiment another name"
            )
        return typing.cast(str, found.experiment_id)
    uri = str(client.tracking_uri)
    artifacts = None
    if uri.startswith(_SQLITE):
        artifacts = (Path(uri.removeprefix(_SQLITE)).parent / "mlartifacts").as_uri()
    try:
        return typing.cast(str, client.create_experiment(name, artifact_location=artifacts))
    except MlflowException:
        # Two steps may open their first run at the same moment; the one that lost finds the other's.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return typing.cast(str, found.experiment_id)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]
