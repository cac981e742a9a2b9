"""Work spread over all cores or a cluster's nodes, with results in the order of the work and memory for a few pieces.

Both ways end in the same results: a piece is done by itself, by one thread, whoever does it.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from region_heads.process_pool import one_thread, process_pool

Work = TypeVar("Work")
Result = TypeVar("Result")

_AHEAD = 3  # pieces of work that wait for each process, so that none is idle while results are taken


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_cluster() -> bool:
    """Whether the environment variable ``RAY_ADDRESS`` names a Ray cluster, whose nodes then do what is spread."""
    return bool(os.environ.get("RAY_ADDRESS"))


def in_order(
    function: Callable[[Work], Result],
    work: Iterable[Work],
    *,
    processes: int,
    doing: str,
    on_gpus: bool = False,
) -> Iterator[tuple[Work, Result]]:
    """Each piece of ``work`` with its result; only a few pieces are taken from ``work`` ahead of the results.

    Args:
        function: Runs in other processes, so it, the work and the results can be pickled. On a cluster it may run
            twice for a piece, of which the first was lost.
        processes: Of this machine, where no cluster is named; 1 runs everything in this one.
        doing: What the processes do, for the message when one dies.
        on_gpus: On a cluster with GPUs each piece gets one of them, in place of a core.

    Raises:
        RegionHeadsError: A process died, the cluster cannot be reached or gave up, or the function raised something
            that can be said in words.

    Example:
        >>> [(piece, found) for piece, found in in_order(len, ["a", "bcd"], processes=1, doing="counting")]
        [('a', 1), ('bcd', 3)]
    """
    if on_cluster():
        from region_heads.ray_pool import ray_pool

        opened = ray_pool(function, doing=doing, on_gpus=on_gpus)
    elif processes > 1:
        opened = process_pool(function, processes, doing=doing)
    else:
        for piece in work:
            yield piece, one_thread(function, piece)
        return
    waiting: deque[tuple[Work, Callable[[], Result]]] = deque()
    with opened as pool:
        for piece in work:
            waiting.append((piece, pool.submit(piece)))
            if len(waiting) > pool.size() * _AHEAD:
                first, result = waiting.popleft()
                yield first, result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result()
