"""Balance of the training split: what is taken less often, or more often, than once."""

import math
from collections import defaultdict
from collections.abc import Sequence

from region_heads.quality.splits.assignment import place


def copies(
    ids: Sequence[str], tasks: Sequence[str], *, balance: str, ratio: float, temperature: float, seed: int
) -> list[int]:
    """How often each question of the training split is taken; which ones within a task follows from a hash of the id.

    Args:
        balance: "none" takes each once. "cap" holds back what exceeds ``ratio`` times the smallest task. "oversample"
            repeats the questions of each task until it has as many as the largest. "temperature" repeats until the
            tasks' sizes are as the original ones to this power: 1 leaves them, 0 makes them equal.

    Returns:
        One number for each of ``ids``.
    """
    by_task: defaultdict[str, list[int]] = defaultdict(list)
    for number, task in enumerate(tasks):
        by_task[task].append(number)
    taken = [1] * len(ids)
    if not by_task or balance == "none":
        return taken
    smallest, largest = (pick(len(rows) for rows in by_task.values()) for pick in (min, max))
    power = 0.0 if balance == "oversample" else temperature
    for rows in by_task.values():
        wanted = (
            min(len(rows), math.ceil(ratio * smallest))
            if balance == "cap"
            else round(largest * (len(rows) / largest) ** power)
        )
        whole, more = divmod(wanted, len(rows))
        rows.sort(key=lambda row: (place(seed, ids[row]), ids[row]))
        for number, row in enumerate(rows):
            taken[row] = whole + (number < more)
    return taken
