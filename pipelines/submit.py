"""Starts one run of a pipeline on a Kubeflow Pipelines server."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipelines.compile import compile_file
from pipelines.connection import identity, kubeflow
from pipelines.names import PipelineName


def submit(
    params: Path,
    *,
    host: str | None,
    experiment: str,
    pipeline: PipelineName = PipelineName.TRAINING,
    name: str | None = None,
    namespace: str | None = None,
    service_account: str | None = None,
) -> str:
    """Compiles the pipeline from ``params`` and starts a run of it.

    Args:
        params: The file ``params.yaml``.
        host: Address of the server; None takes ``KF_PIPELINES_ENDPOINT``.
        experiment: Kubeflow experiment; created when it is new.
        pipeline: Which one.
        name: Name of the run; None lets Kubeflow choose.
        namespace: Profile namespace of a multi-user installation.
        service_account: Account that the tasks run under; None leaves it to the server.

    Returns:
        The run's id.

    Raises:
        RegionHeadsError: The parameters are not valid, or the server cannot be reached or refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / f"{pipeline}.yaml"
        compile_file(params, package, pipeline)
        with kubeflow(host) as client:
            run = client.create_run_from_pipeline_package(
                str(package),
                run_name=name,
                experiment_name=experiment,
                namespace=namespace,
                service_account=service_account,
            )
            return identity(run, "run_id", what="the run")
