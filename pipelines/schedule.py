"""Keeps one recurring run of a pipeline, by name, as it is described: calling it again changes nothing.

Kubeflow creates a second schedule of the same name without a word, and cannot change an existing one. So what
is wanted is compared with what is there, by a digest kept in the schedule's description.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pipelines.compile import compile_file
from pipelines.connection import kubeflow
from pipelines.names import PipelineName

Change = Literal["created", "updated", "paused", "resumed", "deleted", "unchanged"]


def schedule(
    params: Path,
    *,
    host: str | None,
    name: str,
    cron: str,
    experiment: str,
    pipeline: PipelineName = PipelineName.RETRAINING,
    paused: bool = False,
    namespace: str | None = None,
) -> Change:
    """Makes the recurring run ``name`` be as described, and the only one of its name.

    Args:
        params: The file ``params.yaml``.
        host: Address of the server; None takes ``KF_PIPELINES_ENDPOINT``.
        name: Name of the recurring run.
        cron: When it runs, in Kubeflow's six fields (seconds first): ``"0 0 3 * * *"`` is every night at three.
        experiment: Kubeflow experiment; created when it is new.
        pipeline: Which one it runs.
        paused: Whether it waits instead of running.
        namespace: Profile namespace of a multi-user installation.

    Returns:
        What had to be done.

    Raises:
        RegionHeadsError: The parameters are not valid, or the server cannot be reached or refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / f"{pipeline}.yaml"
        compile_file(params, package, pipeline)
        wanted = {"pipeline": package.read_text(encoding="utf-8"), "cron": cron, "experiment": experiment}
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
        description = f"Kept by `region-heads pipeline schedule`; content {digest}"
        with kubeflow(host) as client:
            there = list(_named(client, name, namespace))
            same = [run for run in there if run.description == description]
            stale = [run for run in there if run not in same[:1]]
            change = _keep(client, same[0], paused=paused) if same else None
            if change is None:
                # The new one first: a call that dies in between leaves one too many, and the next puts it right.
                client.create_recurring_run(
                    experiment_id=client.create_experiment(experiment, namespace=namespace).experiment_id,
                    job_name=name,
                    description=description,
                    cron_expression=cron,
                    max_concurrency=1,
                    no_catchup=True,
                    pipeline_package_path=str(package),
                    enabled=not paused,
                )
                change = "updated" if there else "created"
            for run in stale:
                client.delete_recurring_run(run.recurring_run_id)
            return "updated" if stale and change == "unchanged" else change


def unschedule(*, host: str | None, name: str, namespace: str | None = None) -> Change:
    """Deletes every recurring run called ``name``; runs that it has started stay.

    Raises:
        RegionHeadsError: The server cannot be reached or refuses.
    """
    with kubeflow(host) as client:
        there = list(_named(client, name, namespace))
        for run in there:
            client.delete_recurring_run(run.recurring_run_id)
    return "deleted" if there else "unchanged"


def _keep(client: Any, run: Any, *, paused: bool) -> Change:
    if paused == (run.status == "DISABLED"):
        return "unchanged"
    if paused:
        client.disable_recurring_run(run.recurring_run_id)
        return "paused"
    client.enable_recurring_run(run.recurring_run_id)
    return "resumed"


def _named(client: Any, name: str, namespace: str | None) -> Iterator[Any]:
    """The recurring runs called ``name``, through all pages of the server's answer."""
    where = {"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]}
    token = ""
    while True:
        page = client.list_recurring_runs(
            page_token=token, page_size=100, namespace=namespace, filter=json.dumps(where)
        )
        yield from page.recurring_runs or []
        token = page.next_page_token or ""
        if not token:
            return
