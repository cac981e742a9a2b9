"""Makes scenes in several processes, with a progress bar; the result does not depend on their number."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from components.sample_data.scenes import Order, write_scene
from region_heads.errors import RegionHeadsError


class _Rate(ProgressColumn):
    """Scenes for each second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} scenes/s" if speed else "")


def write_scenes(orders: Sequence[Order], folder: Path, *, workers: int) -> list[list[dict[str, Any]]]:
    """Writes all scenes below ``folder``.

    Args:
        orders: The scenes.
        folder: Holds ``<split>/images`` and ``<split>/depths``.
        workers: Processes; 0 takes one for each core that this process may use.

    Returns:
        The records of each scene, in the order of ``orders``.

    Raises:
        RegionHeadsError: A worker process died.
    """
    processes = min(workers or len(os.sched_getaffinity(0)), len(orders))
    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with _made(orders, folder, processes) as made, Progress(*columns) as progress:
        return list(progress.track(made, total=len(orders)))


@contextmanager
def _made(orders: Sequence[Order], folder: Path, processes: int) -> Iterator[Iterator[list[dict[str, Any]]]]:
    make = partial(write_scene, folder=folder)
    if processes <= 1:
        yield map(make, orders)
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
            yield pool.map(make, orders, chunksize=2)
    except BrokenProcessPool:
        raise RegionHeadsError(
            f"a rendering process died (out of memory?); expected {processes} to live on: set sample_data.workers lower"
        ) from None


def _end_with_parent() -> None:
    """Ends this process when its parent is gone; a pool's process would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
