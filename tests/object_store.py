"""A real object store for tests: SeaweedFS as the manifests start it, on this machine, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.manifests.rendered import of, render
from tests.postgres import free_port


@contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """The base's store with its data in ``folder``; yields its address and login as clients read them."""
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program is not None, "SeaweedFS is not installed (pip install '.[dev]')"
    (container,) = of(render("base"), "StatefulSet", "object-store")["spec"]["template"]["spec"]["containers"]
    folder.mkdir()
    port = free_port()
    replaced = {
        "-dir=/data": f"-dir={folder}",
        "-s3.port=8333": f"-s3.port={port}",
        "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1",
    }
    assert set(replaced) <= set(container["args"])
    inner = [
        f"-{part}.port{kind}={free_port()}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
    ]
    more = [*(one for one in inner if not one.startswith("-s3.port=")), "-s3.port.iceberg=0", "-s3.port.lance=0"]
    login = {"AWS_ACCESS_KEY_ID": "region-heads", "AWS_SECRET_ACCESS_KEY": "secret"}
    assert set(login) <= {entry["name"] for entry in container["env"]}
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *(replaced.get(argument, argument) for argument in container["args"]), *more],
            stdout=log, stderr=log, cwd=folder, env={"HOME": str(folder), "PATH": os.environ["PATH"], **login},
        )  # fmt: skip
    try:
        _wait(f"http://127.0.0.1:{port}{container['readinessProbe']['httpGet']['path']}", process, Path(log.name))
        yield {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1", **login}
    finally:
        process.kill()
        process.wait()


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the object store does not answer: {log.read_text()[-2000:]}")
