"""Starts one run of a pipeline on a Kubeflow Pipelines server."""

import tempfile
from pathlib import Path

from pipelines.compile import compile_file
from pipelines.connection import identity, kubeflow
from pipelines.endpoint import Endpoint
from pipelines.names import PipelineName
from pipelines.server_version import skipped, takes_platform


def submit(
    params: Path,
    *,
    at: Endpoint,
    experiment: str,
    pipeline: PipelineName = PipelineName.TRAINING,
    name: str | None = None,
    service_account: str | None = None,
) -> str:
    """Compiles the pipeline from ``params`` and starts a run of it.

    Args:
        params: The file ``params.yaml``.
        at: The server.
        experiment: Kubeflow experiment; created when it is new.
        pipeline: Which one.
        name: Name of the run; None lets Kubeflow choose.
        service_account: Account that the tasks run under; None leaves it to the server.

    Returns:
        The run's id.

    Raises:
        RegionHeadsError: The parameters are not valid, or the server cannot be reached, refuses or is too old.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / f"{pipeline}.yaml"
        compile_file(params, package, pipeline)
        with kubeflow(at) as client:
            run = client.create_run_from_pipeline_package(
                str(package),
                run_name=name,
                experiment_name=experiment,
                namespace=client.get_user_namespace() or None,
                service_account=service_account,
            )
            run_id = identity(run, "run_id", what="the run")
            if not takes_platform(run.run_info):
                client.terminate_run(run_id)
                raise skipped(at.address(), f"run {run_id}", "was stopped")
            return run_id
