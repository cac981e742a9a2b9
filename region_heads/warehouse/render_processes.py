"""Makes scenes in several processes, with a progress bar; the result does not depend on their number."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from region_heads.console.progress import progress_bar
from region_heads.parallel import cores, in_order
from region_heads.warehouse.scenes import Order, write_scene


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
    processes = min(workers or cores(), len(orders))
    made = []
    with progress_bar("rendering", total=len(orders), unit="scenes") as bar:
        for _, records in in_order(
            partial(write_scene, folder=folder), orders, processes=processes, doing="rendering scenes"
        ):
            made.append(records)
            bar.advance(1)
    return made
