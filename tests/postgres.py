"""A real PostgreSQL and a real MLflow server on it, for tests: both of this machine, both gone afterwards.

The server keeps artifacts in a folder of its own and hands them on itself (proxied): no client knows where they lie.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path | None:
    """Folder of initdb and pg_ctl, None where PostgreSQL is not installed; Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(candidates) if (folder / "pg_ctl").exists()), None)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A database cluster below ``folder``; yields its address for SQLAlchemy."""
    tools = programs()
    if tools is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    cluster, port = folder / "cluster", free_port()
    cluster.mkdir(parents=True)
    # PostgreSQL refuses to run as root; Debian's package brings a user for it.
    user = None
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres").pw_uid
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        os.chown(cluster, user, -1)
        for parent in cluster.parents:
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)

    def run(*command: str) -> None:
        subprocess.run([str(tools / command[0]), *command[1:]], user=user, check=True, capture_output=True, cwd=cluster)

    run("initdb", "--pgdata", str(cluster), "--username=mlflow", "--auth=trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "--pgdata", str(cluster), "-w", "-l", str(cluster / "log"), "-o", options, "start")
    try:
        run("createdb", "--host=127.0.0.1", f"--port={port}", "--username=mlflow", "mlflow")
        yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/mlflow"
    finally:
        _stop(tools, cluster, user)


def address(database: str) -> dict[str, str]:
    """The same database as libpq's variables."""
    port = database.rpartition(":")[2].partition("/")[0]
    return {"PGHOST": "127.0.0.1", "PGPORT": port, "PGUSER": "mlflow", "PGDATABASE": "mlflow"}


def _stop(tools: Path, cluster: Path, user: int | None) -> None:
    """Ends the database and waits for it; one that has gone already is what was wanted."""
    pid = cluster / "postmaster.pid"
    if not pid.exists():
        return
    command = [str(tools / "pg_ctl"), "--pgdata", str(cluster), "-m", "immediate", "-w", "stop"]
    stopped = subprocess.run(command, user=user, check=False, capture_output=True, text=True, cwd=cluster)
    if stopped.returncode != 0 and pid.exists():
        log = (cluster / "log").read_text()[-2000:]
        pytest.fail(f"PostgreSQL does not stop: {stopped.stderr}{stopped.stdout}{log}")


class TrackingServer:
    """An MLflow server that can be killed and started again on the same database and port."""

    def __init__(self, database: str, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self._options, self._environment = options, environment or {}
        self.artifacts = folder / "artifacts"
        self._log = folder / "server.log"
        self._database = database
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port),
            "--workers", "1", "--backend-store-uri", self._database, "--artifacts-destination", str(self.artifacts),
            *self._options,
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True,
                env=environment | {"MLFLOW_DISABLE_TELEMETRY": "true"} | self._environment,
            )  # fmt: skip
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        self.kill()
        pytest.fail(f"the MLflow server does not answer: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Ends it without a chance to tidy up; what it had acknowledged is in the database."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None
