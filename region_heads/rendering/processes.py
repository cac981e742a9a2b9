"""Makes scenes in several processes, with a progress bar; the result does not depend on their number."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from region_heads.console.progress import progress_bar
from region_heads.parallel import cores, in_order
from region_heads.rendering.plan import Order


class WriteScene(Protocol):
    """What a domain does for an order."""

    def __call__(self, order: Order, folder: Path) -> list[dict[str, Any]]:
        """Writes picture and depth below ``folder`` and returns the scene's records in the public format."""


def write_scenes(
    write: WriteScene, orders: Sequence[Order], folder: Path, *, workers: int
) -> list[list[dict[str, Any]]]:
    """Writes all scenes below ``folder``.

    Args:
        write: The domain's function.
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
            partial(write, folder=folder), orders, processes=processes, doing="rendering scenes"
        ):
            made.append(records)
            bar.advance(1)
    return made
