"""Work spread over all cores, with results in the order of the work and memory for a few pieces of it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from region_heads.errors import RegionHeadsError, explain

Work = TypeVar("Work")
Result = TypeVar("Result")

_AHEAD = 3
"""Pieces of work that wait for each process, so that none is idle while results are taken."""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def in_order(
    function: Callable[[Work], Result], work: Iterable[Work], *, processes: int, doing: str
) -> Iterator[tuple[Work, Result]]:
    """Each piece of ``work`` with its result; only a few pieces are taken from ``work`` ahead of the results.

    Args:
        function: Runs in other processes, so it, the work and the results can be pickled.
        processes: 1 runs everything in this one.
        doing: What the processes do, for the message when one dies.

    Raises:
        RegionHeadsError: A process died, or the function raised something that can be said in words.
    """
    if processes <= 1:
        for piece in work:
            yield piece, function(piece)
        return
    # Forking a process that has threads (Arrow, Pillow's, a progress bar's) can leave a lock locked without end.
    context = multiprocessing.get_context("spawn")
    waiting: deque[tuple[Work, Future[Result]]] = deque()
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
            _start(pool, processes)
            try:
                for piece in work:
                    waiting.append((piece, pool.submit(_in_words, function, piece)))
                    if len(waiting) > processes * _AHEAD:
                        first, future = waiting.popleft()
                        yield first, future.result()
                for first, future in waiting:
                    yield first, future.result()
            finally:
                with _deaf():  # a second Ctrl-C would break the ending that the first began
                    pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RegionHeadsError(
            f"a process that was {doing} died (out of memory?); expected {processes} to live on: "
            "give the machine more memory, or the step fewer processes (its setting `workers`)"
        ) from None


def _in_words(function: Callable[[Work], Result], piece: Work) -> Result:
    """Runs in the other process; errors of libraries often do not survive the way back, and words do."""
    try:
        return function(piece)
    except Exception as error:
        words = explain(error)
        if words is None:
            raise
        raise RegionHeadsError(words) from None


def _start(pool: ProcessPoolExecutor, processes: int) -> None:
    """Starts all processes: a pool that spawns starts one for each piece of work that finds none idle.

    They inherit that Ctrl-C is ignored, from their first moment: it reaches every process of a terminal, and this one
    ends the others. Those that another thread starts ignore it once they are up.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    with _deaf():
        for _ in range(processes):
            pool.submit(os.getpid)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ignores Ctrl-C; only a main thread may change that, and only to it would it come."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended; a pool's process would wait for work without end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()
