"""Runs the training pipeline on this machine, each task in a process of its own, without a cluster."""

from __future__ import annotations

import datetime as dt
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.compile import build
from region_heads.errors import RegionHeadsError


@dataclass(frozen=True)
class Output:
    """One output artifact of one task of a finished run."""

    task: str
    port: str
    path: Path


def run_local(params: Path, folder: Path) -> list[Output]:
    """Runs every task and checks that every output is there.

    Args:
        params: The file ``params.yaml``.
        folder: A new folder below this one takes the run's outputs.

    Returns:
        The outputs, in the order of the tasks' names.

    Raises:
        RegionHeadsError: A task failed, or reported success without having written its outputs.
    """
    from kfp import local

    pipeline = build(params)
    # The time alone is not unique: two runs may start within the same second.
    run = folder / f"{dt.datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    with warnings.catch_warnings():
        # The subprocess runner warns of every image that is not a bare Python: ours is this environment.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"kfp\.local")
        # CPUs and memory are for a cluster; here training takes what the machine has.
        warnings.filterwarnings("ignore", message=".*have no effect in the current local runner")
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(run.absolute()))
        try:
            pipeline()
        except RuntimeError as error:
            raise RegionHeadsError(f"{error} Its log is above; what the tasks before it wrote is in {run}") from None
    return list(_outputs(pipeline.pipeline_spec, run))


def _outputs(spec: object, run: Path) -> Iterator[Output]:
    """The output artifacts that ``spec`` promises, each with the path where kfp's local runner puts it."""
    components = spec.components  # type: ignore[attr-defined]  # a protobuf message; kfp carries no types
    tasks = spec.root.dag.tasks  # type: ignore[attr-defined]  # likewise
    for name in sorted(tasks):
        component = components[tasks[name].component_ref.name]
        if not component.executor_label.startswith("exec-importer"):
            for port in sorted(component.output_definitions.artifacts):
                found = sorted(run.glob(f"*/{name}/{port}"))
                # Metrics travel in Kubeflow's metadata; their file is not written.
                if not found and port != "metrics":
                    raise RegionHeadsError(
                        f"task {name}: reported success but did not write its output {port!r}; see {run}"
                    )
                if found:
                    yield Output(task=name, port=port, path=found[0])
