"""The one cluster of the tests in this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.machines import Machines


@pytest.fixture(scope="session")
def _machines() -> Iterator[Machines]:
    folder = tempfile.mkdtemp(prefix="ray")  # short: the names of sockets lie below it
    (Path(folder) / "ray").mkdir()  # where Ray notes its newest cluster; by itself in a folder that all users share
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        started = Machines(folder)
        yield started
        import ray

        ray.shutdown()
        started.cluster.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def machines(_machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Three nodes, named by ``RAY_ADDRESS``."""
    _machines.complete()
    monkeypatch.setenv("RAY_ADDRESS", _machines.cluster.address)
    return _machines
