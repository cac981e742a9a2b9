"""Makes a server's recurring runs be as described, by name: what is right already is not touched.

Kubeflow creates a second recurring run of the same name without a word, and cannot change one. So what is wanted is
compared with what is there, by a digest kept in the description, and a new one takes an old one's place.
"""

import functools
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipelines.compile import compile_text
from pipelines.connection import identity, kubeflow
from pipelines.endpoint import Endpoint
from pipelines.schedules.wanted import Schedule
from pipelines.server_version import skipped, takes_platform

Change = Literal["created", "updated", "paused", "resumed", "deleted", "unchanged"]

_MARK = "Kept by `region-heads pipeline schedule`; content "


@dataclass(frozen=True)
class Step:
    """What becomes of one name.

    Attributes:
        writes: Calls that bring it about, in an order in which any of them may be the last: one too many is put right
            by the next reconciliation, one too few would be a night without a run.
    """

    name: str
    change: Change
    writes: tuple[Callable[[], object], ...] = field(default=(), repr=False)


def reconcile(
    wanted: Iterable[Schedule],
    *,
    at: Endpoint,
    prune: bool = False,
    dry_run: bool = False,
) -> dict[str, Change]:
    """Makes each wanted recurring run be there as described, and the only one of its name.

    Args:
        at: The server.
        prune: Delete those that this function made and that are wanted no more. Others' are never touched.
        dry_run: Only say what would be done.

    Returns:
        What had to be done, by name.

    Raises:
        RegionHeadsError: Parameters are not valid, or the server cannot be reached, refuses or is too old.
    """
    compile_once = functools.cache(compile_text)
    compiled = [(schedule, compile_once(schedule.params, schedule.pipeline)) for schedule in wanted]
    with kubeflow(at) as client:
        there = list(_all(client))
        steps = [_keep(client, schedule, text, there, at) for schedule, text in compiled]
        if prune:
            names = {schedule.name for schedule, _ in compiled}
            ours = {run.display_name for run in there if (run.description or "").startswith(_MARK)}
            steps += [_delete(client, name, there, only_ours=True) for name in sorted(ours - names)]
        if not dry_run:
            _write(steps)
    return {step.name: step.change for step in steps}


def unschedule(name: str, *, at: Endpoint) -> Change:
    """Deletes every recurring run called ``name``, whichever program made it; runs that it has started stay.

    Raises:
        RegionHeadsError: The server cannot be reached or refuses.
    """
    with kubeflow(at) as client:
        step = _delete(client, name, _all(client), only_ours=False)
        _write([step])
    return step.change


def _write(steps: Iterable[Step]) -> None:
    for step in steps:
        for write in step.writes:
            write()


def _keep(client: Any, schedule: Schedule, text: str, there: list[Any], at: Endpoint) -> Step:
    content = {"pipeline": text, **schedule.model_dump(mode="json", include={"cron", "experiment", "service_account"})}
    description = _MARK + hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    named = [run for run in there if run.display_name == schedule.name]
    same = [run for run in named if run.description == description]
    delete = tuple(_deletion(client, run) for run in named if run not in same[:1])
    if not same:
        create = _creation(client, schedule, text, description, at)
        return Step(schedule.name, "updated" if named else "created", (create, *delete))
    kept = same[0]
    if schedule.paused == (kept.status == "DISABLED"):
        return Step(schedule.name, "updated" if delete else "unchanged", delete)
    if schedule.paused:
        return Step(schedule.name, "paused", (lambda: client.disable_recurring_run(kept.recurring_run_id), *delete))
    return Step(schedule.name, "resumed", (lambda: client.enable_recurring_run(kept.recurring_run_id), *delete))


def _delete(client: Any, name: str, there: Iterable[Any], *, only_ours: bool) -> Step:
    found = [
        run
        for run in there
        if run.display_name == name and not (only_ours and not (run.description or "").startswith(_MARK))
    ]
    return Step(name, "deleted" if found else "unchanged", tuple(_deletion(client, run) for run in found))


def _deletion(client: Any, run: Any) -> Callable[[], object]:
    return lambda: client.delete_recurring_run(run.recurring_run_id)


def _creation(client: Any, schedule: Schedule, text: str, description: str, at: Endpoint) -> Callable[[], object]:
    def create() -> object:
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "pipeline.yaml"
            package.write_text(text, encoding="utf-8")
            experiment = client.create_experiment(schedule.experiment)
            created = client.create_recurring_run(
                experiment_id=identity(experiment, "experiment_id", what=f"experiment {schedule.experiment}"),
                job_name=schedule.name,
                description=description,
                cron_expression=schedule.cron,
                max_concurrency=1,
                no_catchup=True,
                pipeline_package_path=str(package),
                enabled=not schedule.paused,
                service_account=schedule.service_account,
            )
        made = identity(created, "recurring_run_id", what=f"schedule {schedule.name}")
        if not takes_platform(created):
            client.delete_recurring_run(made)
            raise skipped(at.address(), f"schedule {schedule.name}", "was deleted")
        return made

    return create


def _all(client: Any) -> Iterator[Any]:
    """Every recurring run, through all pages of the server's answer."""
    token, namespace = "", client.get_user_namespace() or None
    while True:
        page = client.list_recurring_runs(page_token=token, page_size=100, namespace=namespace)
        yield from page.recurring_runs or []
        token = page.next_page_token or ""
        if not token:
            return
