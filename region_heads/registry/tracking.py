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
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from region_heads.errors import RegionHeadsError, first_line, public
from region_heads.registry.local_store import ARTIFACTS, BESIDE, absolute_address, follow, store_file
from region_heads.settings import TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PIPELINE_RUN = "REGION_HEADS_PIPELINE_RUN"
"""Environment variable with the id of the pipeline run that a step belongs to."""

_DESCRIPTION = (
    "A run is a training, with its settings, curves and figures on the test split; runs called validate are checks of "
    "data. Columns to show for a ranking: metrics test/score and test/TASK/accuracy, parameters finetune.backbone and "
    "finetune.epochs. Versions and their aliases are under Models."
)
_PIPELINE_RUN_TAG = "region_heads.pipeline_run"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_ADVICE = {
    "UNAUTHENTICATED": "it expects a login and got none that it knows: set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN where a proxy asks; in a cluster they are in the "
    "secret region-heads-mlflow",
    "PERMISSION_DENIED": "this login may not do that; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to one "
    "that manages the experiment and the model",
}
_CHECK_ADDRESS = "check tracking.uri in params.yaml and MLFLOW_TRACKING_URI"


def tracking_uri(tracking: TrackingParams) -> str:
    """The address that is in force: the environment's, else the one in ``params.yaml``.

    A relative SQLite path counts from the working directory and is returned absolute, so that a later change
    of directory cannot split the store in two. It may hold a login: show it through ``region_heads.errors.public``.
    """
    return absolute_address(os.environ.get("MLFLOW_TRACKING_URI") or tracking.uri)


def equals(key: str, text: str) -> str:
    """A clause of MLflow's filters by which ``key`` is ``text``, whatever quotes stand in it.

    Filters know no escapes. Where ``text`` holds both kinds of quotes, any character may stand in their places.
    """
    for mark in ("'", '"'):
        if mark not in text:
            return f"{key} = {mark}{text}{mark}"
    return f"{key} LIKE '{text.replace(chr(39), '_').replace(chr(34), '_')}'"


def connect(tracking: TrackingParams, *, make: bool = True) -> MlflowClient:
    """A client of the store that is in force.

    Args:
        make: Whether a SQLite store that is not there is made; who only reads wants none.

    Raises:
        RegionHeadsError: The store is not there, or cannot be reached or opened.
    """
    # A server that does not answer should fail the step in seconds, not after MLflow's seven retries.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow

    # A new SQLite store logs its forty schema migrations, which help no reader of a table.
    for name in ("alembic", "alembic.runtime.migration", "mlflow.store", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its errors are raised, too
    uri = tracking_uri(tracking)
    file = store_file(uri)
    if file is not None and not (file.is_file() and file.stat().st_size):
        if not make:
            raise RegionHeadsError(
                f"{file}: there is no MLflow store. A relative tracking.uri counts from the working directory: run the "
                "command in the project's folder, or give the store's address in MLFLOW_TRACKING_URI; `make run` makes "
                "a first one"
            )
        file.parent.mkdir(parents=True, exist_ok=True)
    elif file is not None:
        follow(file)
    try:
        # MLflow writes both addresses into the environment, where they would pass for the user's own.
        with _environment_kept("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
            mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        believes = client.get_experiment_by_name(uuid4().hex) is not None  # a name that nothing has
    except Exception as error:  # MLflow lets errors of its drivers and of HTTP through
        raise RegionHeadsError(
            f"MLflow at {uri}: not usable ({type(error).__name__}: {public(first_line(error), uri)}); "
            + _ADVICE.get(getattr(error, "error_code", ""), _CHECK_ADDRESS)
        ) from error
    if believes:
        raise RegionHeadsError(
            f"MLflow at {uri}: not usable (it also finds what cannot exist, so it is no MLflow server); "
            + _CHECK_ADDRESS
        )
    return client


@contextlib.contextmanager
def in_words(client: MlflowClient) -> Iterator[None]:
    """Puts into words what MLflow raises inside: an unreachable store, a right that is missing.

    Raises:
        RegionHeadsError: In place of an exception of MLflow.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        uri = str(client.tracking_uri)
        said = f"MLflow at {uri}: {error.error_code}: {public(first_line(error), uri)}"
        advice = _ADVICE.get(error.error_code)
        raise RegionHeadsError(f"{said}; {advice}" if advice else said) from error


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

    joined = find_run(client, run_id) or find_run(client, os.environ.get("MLFLOW_RUN_ID"))
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
    """Id of the run that stands for the pipeline run in ``REGION_HEADS_PIPELINE_RUN``.

    The first step creates it, or marks the one that Kubeflow's MLflow plugin has opened: the outermost of those above
    ``MLFLOW_RUN_ID``. Later steps find the mark, with the plugin's variables or without. The first step is alone; where
    two ask at the same time nevertheless, the older run counts.

    Raises:
        RegionHeadsError: There is no pipeline run.
    """
    pipeline_run = os.environ.get(PIPELINE_RUN)
    if not pipeline_run:
        raise RegionHeadsError(
            f"{PIPELINE_RUN}: expected the id of the pipeline's run, which Kubeflow gives, found none"
        )
    experiment = os.environ.get("MLFLOW_EXPERIMENT_ID") or _experiment(client, tracking.experiment)
    wanted = equals(f"tags.`{_PIPELINE_RUN_TAG}`", pipeline_run)

    def oldest(*experiments: str) -> str | None:
        found = client.search_runs(list(experiments), wanted, order_by=["attributes.start_time ASC"], max_results=1)
        return str(found[0].info.run_id) if found else None

    everywhere = [str(one.experiment_id) for one in client.search_experiments()]
    known = oldest(experiment) or oldest(*everywhere)
    if known is None:
        opened = find_run(client, os.environ.get("MLFLOW_RUN_ID"))
        if opened is None:
            tags = {_PIPELINE_RUN_TAG: pipeline_run}
            client.create_run(experiment, run_name=f"pipeline {pipeline_run[:8]}", tags=tags)
        else:
            experiment = opened.info.experiment_id
            while (above := find_run(client, opened.data.tags.get("mlflow.parentRunId"))) is not None:
                opened = above
            client.set_tag(opened.info.run_id, _PIPELINE_RUN_TAG, pipeline_run)
        known = oldest(experiment)
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


_T = TypeVar("_T")


def if_there(ask: Callable[[], _T]) -> _T | None:
    """What MLflow answers, None where what it is asked for is not there; everything else that goes wrong is raised."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code not in _MISSING:
            raise
        return None


def find_run(client: MlflowClient, run_id: str | None) -> Run | None:
    """The run with this id, None where the store has none that is not deleted.

    Raises:
        RegionHeadsError: The store cannot be asked.
    """
    if not run_id:
        return None
    with in_words(client):
        run = if_there(lambda: client.get_run(run_id))
    return run if run is not None and run.info.lifecycle_stage == "active" else None


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
    file = store_file(str(client.tracking_uri))
    artifacts = None if file is None else (file.parent / ARTIFACTS).as_uri()
    tags = {"mlflow.note.content": _DESCRIPTION} | ({} if file is None else {BESIDE: "true"})
    try:
        return typing.cast(str, client.create_experiment(name, artifact_location=artifacts, tags=tags))
    except MlflowException:
        # Two steps may open their first run at the same moment; the one that lost finds the other's.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return typing.cast(str, found.experiment_id)
