"""Work for the nodes of the tests' cluster."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import ray


def work(_: str) -> None:
    """A tenth of a second of it."""
    time.sleep(0.1)


def hold_until_killed(marker: Path) -> None:
    """The first call names its node in ``marker`` and never ends; later ones return at once."""
    if marker.exists():
        return
    partial = marker.with_suffix(".partial")
    partial.write_text(str(ray.get_runtime_context().get_node_id()))
    partial.rename(marker)
    threading.Event().wait()
