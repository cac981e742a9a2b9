"""Processes of this machine that do pieces of work: started once, deaf to Ctrl-C, ended with the one that has them."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from region_heads.errors import RegionHeadsError, explain

Work = TypeVar("Work")
Result = TypeVar("Result")
Work_contra = TypeVar("Work_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Pool(Protocol[Work_contra, Result_co]):
    """What does pieces of work, by one function, somewhere else."""

    def size(self) -> int:
        """Pieces that are done at the same time."""

    def submit(self, piece: Work_contra) -> Callable[[], Result_co]:
        """Hands ``piece`` over; what is returned waits for its result."""


class _Processes(Generic[Work, Result]):
    def __init__(self, pool: ProcessPoolExecutor, function: Callable[[Work], Result], processes: int) -> None:
        self._pool, self._function, self._processes = pool, function, processes

    def size(self) -> int:
        return self._processes

    def submit(self, piece: Work) -> Callable[[], Result]:
        # The wait is in C: a signal that ends it leaves no lock behind, as it may in a future's own.
        done: SimpleQueue[Future[Result]] = SimpleQueue()
        with _signals_later():
            self._pool.submit(in_words, self._function, piece).add_done_callback(done.put)

        def result() -> Result:
            future = done.get()
            with _signals_later():
                return future.result()

        return result


@contextlib.contextmanager
def process_pool(function: Callable[[Work], Result], processes: int, *, doing: str) -> Iterator[Pool[Work, Result]]:
    """``processes`` new processes that do ``function``; they end with the block.

    Raises:
        RegionHeadsError: One of them died.
    """
    # Forking a process that has threads (Arrow, Pillow's, a progress bar's) can leave a lock locked without end.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
            _start(pool, processes)
            try:
                yield _Processes(pool, function, processes)
            finally:
                with deaf():  # a second Ctrl-C would break the ending that the first began
                    pool.shutdown(cancel_futures=True)
    except BrokenProcessPool:
        raise RegionHeadsError(
            f"a process that was {doing} died (out of memory?); expected {processes} to live on: "
            "give the machine more memory, or the step fewer processes (its setting `workers`)"
        ) from None


def one_thread(function: Callable[[Work], Result], piece: Work) -> Result:
    """Does ``piece`` with one thread of numpy's algebra: the last digits of a product depend on how many share it.

    How many do differs between one process and several, and beside other work; the processes share the cores already.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return function(piece)


def in_words(
    function: Callable[[Work], Result], piece: Work, told: Callable[[Exception, str], str] = lambda _, words: words
) -> Result:
    """Runs where the work is done; errors of libraries often do not survive the way back, and words do.

    Raises:
        RegionHeadsError: The function raised what can be said in words; ``told`` may add to these.
    """
    try:
        return one_thread(function, piece)
    except Exception as error:
        words = explain(error)
        if words is None:
            raise
        raise RegionHeadsError(told(error, words)) from None


def _start(pool: ProcessPoolExecutor, processes: int) -> None:
    """Starts all processes: a pool that spawns starts one for each piece of work that finds none idle.

    They inherit that Ctrl-C is ignored, from their first moment: it reaches every process of a terminal, and this one
    ends the others. Those that another thread starts ignore it once they are up.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    with deaf():
        for _ in range(processes):
            pool.submit(os.getpid)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Ignores Ctrl-C; only a main thread may change that, and only to it would it come."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextlib.contextmanager
def _signals_later() -> Iterator[None]:
    """Keeps Ctrl-C and SIGTERM for the end of the block.

    Where one comes raises between two instructions of Python's own pools, a lock may stay locked without end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)


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
