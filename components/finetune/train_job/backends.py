"""Where the nodes of a TrainJob run: on Kubernetes, in containers of this machine, or in processes of it.

Kubeflow's ``TrainerClient`` has one call for all three. What differs about them is said here and nowhere else.
"""

import contextlib
import dataclasses
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.finetune.train_job.exchange import Exchange
from components.finetune.train_job.lease import FOLDER, GPUS, LEASE_SECONDS
from components.image import GPU_IMAGE
from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import PIPELINE_RUN, tracking_uri
from region_heads.settings import TrackingParams
from region_heads.training.settings import Params

_HANDED_ON = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", PIPELINE_RUN)
"""Environment variables that the nodes need too. Logins are not among them: a job's description can be read by many.
On Kubernetes the runtime takes these from the same secrets as the pipeline's tasks."""


_POLL = 5.0  # seconds between two looks at a job on Kubernetes
_GRACE = 10.0  # seconds that a job's processes have to end in


@dataclass(frozen=True)
class Backend:
    """One of the three, ready to take a job.

    Attributes:
        client: Kubeflow's client.
        runtime: What a job is made from: a training runtime of the cluster, or the built-in one.
        trainer: Nodes, resources, environment and program.
        exchange: The job's folder.
        poll: Seconds between two looks at a job.
        logs: How lines of the log come: "lines", "chunks", or "printed" by the client itself.
        after: Removes what the client leaves behind when a job is deleted.
    """

    client: Any
    runtime: Any
    trainer: Any
    exchange: Exchange
    poll: float
    logs: str
    after: Callable[[], None]


def open_backend(params: Params, tracking: TrackingParams, *, name: str) -> Backend:
    """The backend that ``finetune.train_job.backend`` names, for the job ``name``.

    Raises:
        RegionHeadsError: It is not there, or cannot do what is asked.
    """
    from kubeflow.trainer import CustomTrainer

    _check(params, tracking)
    job = params.train_job
    kind = job.backend
    client = _client(params)
    try:
        runtime = client.get_runtime("torch-distributed" if kind != "kubernetes" else job.runtime)
    except (RuntimeError, TimeoutError, ValueError) as error:
        raise RegionHeadsError(
            f"finetune.train_job.runtime: expected a training runtime called {job.runtime}, found none "
            f"({cause_of(error)}); kubectl apply the component trainer-runtime of the manifests, or name another"
        ) from error
    exchange = _exchange(params, name)
    environment = {variable: os.environ[variable] for variable in _HANDED_ON if variable in os.environ}
    environment |= {
        "MLFLOW_TRACKING_URI": tracking_uri(tracking),
        FOLDER: str(exchange.there),
        LEASE_SECONDS: str(job.lease_seconds),
        GPUS: str(_gpus(params, runtime.trainer)),
    }
    if kind == "processes":
        # The client starts processes with this environment alone, in a virtual environment that has no torchrun:
        # the step starts its ranks itself, with the packages of this one.
        environment = {
            **os.environ,
            **environment,
            "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        }
        runtime = dataclasses.replace(runtime, trainer=dataclasses.replace(runtime.trainer, framework="plain"))
    return Backend(
        client=client,
        runtime=runtime,
        trainer=CustomTrainer(
            func=run_node,
            image=job.image or (GPU_IMAGE if kind == "containers" else None),
            num_nodes=params.nodes,
            resources_per_node=dict(job.resources) or None,
            env=environment,
        ),
        exchange=exchange,
        poll=_POLL if kind == "kubernetes" else 0.5,
        logs={"kubernetes": "lines", "containers": "chunks", "processes": "printed"}[kind],
        after=(lambda: _end_processes(name, exchange.there)) if kind == "processes" else lambda: None,
    )


def run_node() -> None:
    """The program of a node. Kubeflow takes the text of this function alone, so it can use nothing from outside."""
    import runpy

    runpy.run_module("components.finetune.train_job.node", run_name="__main__")


def cause_of(error: BaseException) -> str:
    """What Kubernetes or the container engine said, which Kubeflow's client keeps as the error's cause."""
    cause = error.__cause__
    status, reason = getattr(cause, "status", None), getattr(cause, "reason", None)
    if status:
        return f"{status} {reason}"
    return next(iter(str(cause or error).splitlines()), type(error).__name__)


def _check(params: Params, tracking: TrackingParams) -> None:
    kind = params.train_job.backend
    if kind == "processes" and params.nodes > 1:
        raise RegionHeadsError(
            f'finetune.nodes: expected 1 for the backend "processes", found {params.nodes}; "containers" has several'
        )
    uri = tracking_uri(tracking)
    if kind != "processes" and uri.startswith("sqlite"):
        raise RegionHeadsError(
            f"tracking.uri: expected the address of an MLflow server, which nodes can reach, found {uri}"
        )
    if kind == "kubernetes" and not Path(params.train_job.folder).is_dir():
        raise RegionHeadsError(
            f"finetune.train_job.folder: expected storage that this step and all nodes see, found no folder "
            f"{params.train_job.folder}; name its claim in finetune.train_job.claim"
        )


def _gpus(params: Params, runtime: Any) -> int:
    """GPUs that each node is asked for: by the job's resources, and where there are none by its runtime's."""
    resources = params.train_job.resources
    if not resources:
        count = runtime.device_count if runtime.device == "gpu" else "0"
        # The client multiplies a text of digits by the runtime's nodes, and leaves one such as "4.0" as it is.
        return int(count) // runtime.num_nodes if count.isdigit() else int(float(count))
    asked = [str(number) for name, number in resources.items() if name.lower().rpartition("/")[2] == "gpu"]
    if not all(map(str.isdecimal, asked)):
        raise RegionHeadsError(f"finetune.train_job.resources: expected a whole number of GPUs, found {asked[0]!r}")
    return sum(map(int, asked))


def _client(params: Params) -> Any:
    from kubeflow.common.types import KubernetesBackendConfig
    from kubeflow.trainer import ContainerBackendConfig, LocalProcessBackendConfig, TrainerClient
    from kubeflow.trainer.backends.container.types import TrainingRuntimeSource

    kind = params.train_job.backend
    try:
        if kind == "kubernetes":
            namespace = params.train_job.namespace or None
            return TrainerClient(
                KubernetesBackendConfig(namespace=namespace, client_configuration=_patient_configuration())
            )
        if kind == "containers":
            # No sources: the built-in runtime will do, and nothing is fetched from anywhere. Its folder outlives a
            # job, for the next one goes on from the checkpoints.
            sources = TrainingRuntimeSource(sources=[])
            return TrainerClient(ContainerBackendConfig(runtime_source=sources, auto_remove=False))
        return TrainerClient(LocalProcessBackendConfig())
    except Exception as error:  # kubernetes' ConfigException, the container engine's own
        raise RegionHeadsError(f"finetune.train_job.backend: {kind} cannot be reached ({cause_of(error)})") from error


def _patient_configuration() -> Any:
    """How this pod, or this user, reaches Kubernetes; an API server that restarts is asked again for a minute."""
    from kubernetes import client, config
    from urllib3.util import Retry

    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration)
    configuration.retries = Retry(
        total=6, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None,
        raise_on_status=False,
    )  # fmt: skip
    return configuration


def _exchange(params: Params, name: str) -> Exchange:
    kind, shared = params.train_job.backend, Path(params.train_job.folder)
    if kind == "kubernetes":
        return Exchange(here=shared / name, there=shared / name, storage=shared)
    if kind == "containers":
        from kubeflow.trainer.backends.container.utils import create_workdir
        from kubeflow.trainer.constants.constants import WORKSPACE_PATH

        return Exchange(here=Path(create_workdir(name)), there=Path(WORKSPACE_PATH), open_to_all=True)
    folder = Path(params.checkpoint_folder).absolute() / name
    return Exchange(here=folder, there=folder)


def _end_processes(name: str, folder: Path) -> None:
    """Ends what the job has started: the client ends the shell around it alone, and that at its next word.

    A rank may wait for another one where no signal reaches it, so what is left after a while is killed.
    """
    import psutil

    mine = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(FOLDER) == str(folder):
                process.terminate()
                mine.append(process)
    try:
        psutil.wait_procs(mine, timeout=_GRACE)
    finally:  # whoever is impatient and sends another signal leaves nothing behind either
        for process in mine:
            with contextlib.suppress(psutil.Error):
                process.kill()
    for environment in Path(tempfile.gettempdir()).glob(f"{name}*"):  # the client's virtual environments
        shutil.rmtree(environment, ignore_errors=True)
