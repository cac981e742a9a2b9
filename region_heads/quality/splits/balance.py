"""Balance of the training split: what is taken less often, or more often, than once."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from region_heads.quality.splits.assignment import place


def copies(
    ids: pa.ChunkedArray, tasks: NDArray[np.integer[Any]], *, balance: str, ratio: float, temperature: float, seed: int
) -> NDArray[np.int32]:
    """How often each question of the training split is taken; which ones within a task follows from a hash of the id.

    Args:
        ids: The questions' ids, text.
        tasks: A number for the task of each.
        balance: "none" takes each once. "cap" holds back what exceeds ``ratio`` times the smallest task. "oversample"
            repeats the questions of each task until it has as many as the largest. "temperature" repeats until the
            tasks' sizes are as the original ones to this power: 1 leaves them, 0 makes them equal.

    Returns:
        One number for each of ``ids``.
    """
    taken = np.ones(len(ids), np.int32)
    if not len(ids) or balance == "none":
        return taken
    sizes = {number: size for number, size in enumerate(np.bincount(tasks).tolist()) if size}
    smallest, largest = min(sizes.values()), max(sizes.values())
    power = 0.0 if balance == "oversample" else temperature
    for number, size in sizes.items():
        wanted = (
            min(size, math.ceil(ratio * smallest)) if balance == "cap" else round(largest * (size / largest) ** power)
        )
        rows = np.flatnonzero(tasks == number)
        whole, more = divmod(wanted, size)
        taken[rows] = whole
        if more:
            taken[rows[_by_place(ids.take(pa.array(rows)), seed)[:more]]] += 1
    return taken


def _by_place(ids: pa.ChunkedArray, seed: int) -> NDArray[np.int64]:
    """The order of ``ids`` by the hash of each, then by the id itself."""
    places = np.fromiter((place(seed, one.as_py()) for one in ids), np.float64, len(ids))
    order = pc.sort_indices(pa.table({"place": places, "id": ids}), [("place", "ascending"), ("id", "ascending")])
    return np.asarray(order, np.int64)
