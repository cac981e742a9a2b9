"""Runs a pipeline on this machine, each task in a process or container of its own, without a cluster."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.params import load_params
from pipelines.compile import build
from pipelines.local_containers import container_runner
from pipelines.names import PipelineName, RunnerName
from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import PIPELINE_RUN

if TYPE_CHECKING:
    from kfp.local import SubprocessRunner

_WITHOUT_FILE = ("system.Metrics", "system.ClassificationMetrics")  # artifacts that travel in Kubeflow's metadata


@dataclass(frozen=True)
class Output:
    """One output artifact of one task of a finished run."""

    task: str
    port: str
    path: Path


def run_local(
    params: Path,
    folder: Path,
    pipeline: PipelineName = PipelineName.TRAINING,
    runner: RunnerName = RunnerName.SUBPROCESS,
) -> list[Output]:
    """Runs every task and checks that every output is there.

    Args:
        params: The file ``params.yaml``.
        folder: A new folder below this one takes the run's outputs.
        pipeline: Which one.
        runner: Whether a task is a process with this Python environment, or a container with the image.

    Returns:
        The outputs, in the order of the tasks' names.

    Raises:
        RegionHeadsError: A task failed, or reported success without having written its outputs.
    """
    from kfp import local

    built = build(params, pipeline)
    # The time alone is not unique: two runs may start within the same second.
    run = folder / f"{dt.datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    made = (
        container_runner(load_params(params), folder=folder, run=run)
        if runner == RunnerName.DOCKER
        else _processes(run)
    )
    with warnings.catch_warnings(), made as in_force:
        # The subprocess runner warns of every image that is not a bare Python: ours is this environment.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"kfp\.local")
        # CPUs and memory are for a cluster; here training takes what the machine has.
        warnings.filterwarnings("ignore", message=".*have no effect in the current local runner")
        local.init(runner=in_force, pipeline_root=str(run.absolute()))
        try:
            built(gpus="0")  # asked of a cluster; here training takes what the machine has
        except RuntimeError as error:
            raise RegionHeadsError(f"{error} Its log is above; what the tasks before it wrote is in {run}") from None
    return list(_outputs(built.pipeline_spec, run))


@contextlib.contextmanager
def _processes(run: Path) -> Iterator[SubprocessRunner]:
    """A runner whose tasks are processes that know this run as theirs."""
    from kfp.local import SubprocessRunner

    before = os.environ.get(PIPELINE_RUN)
    os.environ[PIPELINE_RUN] = run.name
    try:
        yield SubprocessRunner(use_venv=False)
    finally:
        os.environ.pop(PIPELINE_RUN)
        if before is not None:
            os.environ[PIPELINE_RUN] = before


def _outputs(spec: Any, run: Path) -> Iterator[Output]:
    """The output artifacts that ``spec`` promises, each with the path where kfp's local runner puts it."""
    for name, component in sorted(_taken(spec, spec.root.dag, run)):
        for port, definition in sorted(component.output_definitions.artifacts.items()):
            found = sorted(run.glob(f"**/{name}/{port}"))
            if found:
                yield Output(task=name, port=port, path=found[0])
            elif definition.artifact_type.schema_title not in _WITHOUT_FILE:
                raise RegionHeadsError(
                    f"task {name}: reported success but did not write its output {port!r}; see {run}"
                )


def _taken(spec: Any, dag: Any, run: Path) -> Iterator[tuple[str, Any]]:
    """The tasks that ran, with their components, out of groups, too; a condition that was not met has none."""
    for name, task in dag.tasks.items():
        component = spec.components[task.component_ref.name]
        if component.HasField("dag"):
            inner = list(_taken(spec, component.dag, run))
            if not task.trigger_policy.condition or any(list(run.glob(f"**/{inside}")) for inside, _ in inner):
                yield from inner
        elif not component.executor_label.startswith("exec-importer"):
            yield name, component
