"""A container engine and the image, for real: Podman, on a base of Debian's packages, without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_PROGRAMS = ("podman", "buildah", "runc", "debootstrap", "iptables")
# For machines that are containers or small virtual machines themselves: no limits to raise, no network to make.
_CONF = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
"""


@dataclass(frozen=True)
class Engine:
    """A running engine with the image in it.

    Attributes:
        environment: For programs that use it: ``DOCKER_HOST``, and ``REGION_HEADS_IMAGE``, by digest.
        image: The image's name with its tag.
    """

    environment: dict[str, str]
    image: str

    def run(self, *command: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """One command in a container as a cluster would start it: read-only, with only /tmp to write to."""
        words = ["podman", "run", "--rm", "--read-only", "--tmpfs", "/tmp", *options, self.image, *command]
        return subprocess.run(
            words, env=os.environ | self.environment, capture_output=True, text=True, timeout=180, check=False
        )


@pytest.fixture(scope="session")
def engine(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Builds the CPU image once, of what is committed or not, and serves Docker's API."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing or _PROGRAMS)} (apt-get install --no-install-recommends)")
    folder = tmp_path_factory.mktemp("engine")
    (folder / "containers.conf").write_text(_CONF)
    socket = folder / "podman.sock"
    environment = {"CONTAINERS_CONF": str(folder / "containers.conf"), "DOCKER_HOST": f"unix://{socket}"}
    image = "localhost/region-heads:cpu"

    def run(*command: str) -> str:
        done = subprocess.run(
            command,
            cwd=repository,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    if "region-heads-base" not in run("podman", "images", "--format", "{{.Repository}}"):
        run("container/base.sh")
    run("container/build.sh", "cpu", image, "localhost/region-heads-base:local")
    digest = run("podman", "image", "inspect", image, "--format", "{{index .RepoDigests 0}}").strip()
    assert "@sha256:" in digest
    with subprocess.Popen(
        ["podman", "system", "service", "--time=0", environment["DOCKER_HOST"]], env=os.environ | environment
    ) as service:
        until = time.monotonic() + 60
        while not socket.exists() and time.monotonic() < until:
            time.sleep(0.1)
        yield Engine(environment | {"REGION_HEADS_IMAGE": digest}, image)
        service.terminate()
