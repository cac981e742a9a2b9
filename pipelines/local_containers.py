"""Each task of a local run in a container, as on a cluster: not root, and only /tmp and the run's folder writable."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from components.image import GPU_IMAGE, IMAGE
from pipelines.parameters import renders
from pipelines.task_policy import SECRETS
from region_heads.errors import RegionHeadsError
from region_heads.params_file import section
from region_heads.registry.local_store import store_address
from region_heads.registry.tracking import PIPELINE_RUN, tracking_uri
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams, TrackingParams

if TYPE_CHECKING:
    from docker.types import Mount
    from kfp.local import DockerRunner

_USER: int = ClusterParams.model_fields["user"].default
_HANDED_ON = tuple(variable for keys in SECRETS.values() for variable in keys.values())


@contextlib.contextmanager
def container_runner(params: Mapping[str, Section], *, folder: Path, run: Path) -> Iterator[DockerRunner]:
    """A runner of kfp for the engine that ``DOCKER_HOST`` names, or Docker's own.

    MLflow's server is reached as from this machine. A store that is a SQLite file cannot be shared with containers
    where it lies; they get one below ``folder``.

    Args:
        params: Sections of ``params.yaml``.
        folder: Holds all runs; is mounted.
        run: Folder of this run, below it.

    Raises:
        RegionHeadsError: No engine answers, it does not have the image, or a path of the data cannot be mounted.
    """
    from kfp.local import DockerRunner

    _check_engine()
    store = container_store(folder)
    mounts = [_mount(store, writable=True), *_data(params)]
    store.mkdir(parents=True, exist_ok=True)
    run.mkdir(parents=True)
    uri = tracking_uri(section(params, TrackingParams))
    environment = {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    environment |= {
        "MLFLOW_TRACKING_URI": store_address(store / "mlflow.db") if uri.startswith("sqlite") else uri,
        "REGION_HEADS_IMAGE": IMAGE,
        PIPELINE_RUN: run.name,
    }
    user = (_USER, _USER) if os.getuid() == 0 else (os.getuid(), os.getgid())
    if os.getuid() == 0:
        os.chown(store, *user)
    before = os.umask(0)  # kfp makes the tasks' folders here, and the tasks write into them as another user
    try:
        run.chmod(0o777)
        yield DockerRunner(
            environment=environment, mounts=mounts, user=f"{user[0]}:{user[1]}", network_mode="host", shm_size="1g",
            read_only=True, tmpfs={"/tmp": "mode=1777"}, cap_drop=["ALL"], security_opt=["no-new-privileges"],
        )  # fmt: skip
    finally:
        os.umask(before)


def container_store(folder: Path) -> Path:
    """Folder of the SQLite store that containers share, among the runs in ``folder``."""
    return folder.absolute() / "mlflow"


def _check_engine() -> None:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env()
        known = {name for image in client.images.list() for name in (*image.tags, *image.attrs["RepoDigests"])}
        client.close()
    except DockerException as error:
        raise RegionHeadsError(
            f"containers: expected a container engine at {os.environ.get('DOCKER_HOST', 'its usual place')}, found "
            f"none ({error}); start Docker, or `podman system service` and set DOCKER_HOST, or use --runner subprocess"
        ) from None
    missing = {IMAGE, GPU_IMAGE} - known
    if missing:
        raise RegionHeadsError(
            f"containers: the engine does not have {', '.join(sorted(missing))}; build it (container/README.md) and "
            "name it in REGION_HEADS_IMAGE"
        )


def _data(params: Mapping[str, Section]) -> Iterator[Mount]:
    """The data set or its repository, where it lies on this machine."""
    data, source = section(params, DatasetParams), section(params, SourceParams)
    path = source.repository or ("" if renders(data) else data.path)
    if "://" in path or not path:
        return
    if not Path(path).is_absolute() or not Path(path).exists():
        raise RegionHeadsError(
            f"{'source.repository' if source.repository else 'data.path'}: expected an absolute path of a folder that "
            f"containers can be given, found {path!r}"
        )
    yield _mount(Path(path), writable=False)


def _mount(path: Path, *, writable: bool) -> Mount:
    from docker.types import Mount

    return Mount(target=str(path), source=str(path), type="bind", read_only=not writable)
