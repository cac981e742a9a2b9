"""Balance of the training split: the largest tasks are capped, what is over the cap is held back."""

from __future__ import annotations

import math
from collections.abc import Sequence

from components.split.assignment import place


def over_the_cap(ids: Sequence[str], tasks: Sequence[str], *, ratio: float | None, seed: int) -> set[int]:
    """Rows of the training split to hold back, chosen by a hash of their id.

    Args:
        ratio: A task may have at most this many times the questions of the smallest task that has any; rounded
            up. None: no cap.

    Returns:
        Places in ``ids``.
    """
    by_task: dict[str, list[int]] = {}
    for number, task in enumerate(tasks):
        by_task.setdefault(task, []).append(number)
    if ratio is None or not by_task:
        return set()
    cap = math.ceil(ratio * min(len(rows) for rows in by_task.values()))
    held: set[int] = set()
    for rows in by_task.values():
        held.update(sorted(rows, key=lambda row: (place(seed, ids[row]), ids[row]))[cap:])
    return held
