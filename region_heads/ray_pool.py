"""Nodes of a Ray cluster that do pieces of work: with this process's code, and once more where a node was lost.

The environment variable ``RAY_ADDRESS`` names the cluster as Ray reads it: ``auto`` on one of its nodes,
``ray://HOST:10001`` from elsewhere. Nodes get this package's code; Python, Ray and what else it needs are theirs.
"""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from region_heads.errors import RegionHeadsError, first_line
from region_heads.process_pool import Pool, deaf, in_words

Work = TypeVar("Work")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_RETRIES = 3
"""Times that a piece is done anew when its process or node was lost; one that ends every process must have an end."""

_PATIENCE = 10
"""Seconds in which the cluster must answer, and after which its size is asked for again: nodes come and go."""

_OURS = "region-heads"  # namespace of a connection that was made here, and not by a program that calls this one

SHARED = (
    "what the work reads and writes must lie on storage that this machine and every node see under the same path "
    "(TMPDIR names such a place for temporary files)"
)
"""What is said where a node does not see a file."""


@contextlib.contextmanager
def ray_pool(function: Callable[[Work], Result], *, doing: str, on_gpus: bool) -> Iterator[Pool[Work, Result]]:
    """The nodes of the cluster that ``RAY_ADDRESS`` names, to do ``function``; what they still do ends with the block.

    Raises:
        RegionHeadsError: The cluster cannot be reached or takes no work.
    """
    pool = _Nodes(_connected(), function, doing=doing, on_gpus=on_gpus)
    try:
        yield pool
    finally:
        with deaf():
            pool.end()


class _Nodes(Generic[Work, Result]):
    def __init__(self, ray: Any, function: Callable[[Work], Result], *, doing: str, on_gpus: bool) -> None:
        self._ray, self._doing = ray, doing
        self._kind = "GPU" if on_gpus and ray.cluster_resources().get("GPU") else "CPU"
        self._asked, self._size = 0.0, 0
        share = {"num_gpus": 1} if self._kind == "GPU" else {"num_cpus": 1}
        # Without end of calls: Ray ends a process that had a GPU after each piece, and with it the model that it holds.
        self._do = ray.remote(**share, max_retries=_RETRIES, max_calls=0)(_on_node)
        self._function = ray.put(function)
        self._running: dict[Any, None] = {}

    def size(self) -> int:
        if time.monotonic() - self._asked > _PATIENCE or not self._size:
            found = int(self._ray.cluster_resources().get(self._kind, 0))
            if not found and not self._asked:
                _log.warning(f"The Ray cluster has no {self._kind}s yet; {self._doing} waits for nodes")
            self._asked, self._size = time.monotonic(), found
        return max(1, self._size)

    def submit(self, piece: Work) -> Callable[[], Result]:
        with self._in_words():
            reference = self._do.remote(self._function, piece)
        self._running[reference] = None
        return lambda: self._result(reference)

    def end(self) -> None:
        """Ends what still runs or waits, and with it the connection: cancelling piece by piece ends Ray 2.60 itself."""
        if self._running and self._ray.is_initialized() and self._ray.get_runtime_context().namespace == _OURS:
            self._ray.shutdown()

    def _result(self, reference: Any) -> Result:
        with self._in_words():
            found: Result = self._ray.get(reference)
        del self._running[reference]
        return found

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from (None if isinstance(error.cause, RegionHeadsError) else error)
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            raise RegionHeadsError(
                f"the Ray cluster gave up {self._doing} ({type(error).__name__}: {first_line(error)}); expected every "
                f"piece to be done, at most {_RETRIES} times anew where a node was lost: see `ray status`, and give "
                "nodes more memory if processes ran out of it"
            ) from None


def _on_node(function: Callable[[Work], Result], piece: Work) -> Result:
    return in_words(function, piece, _with_node)


def _with_node(error: Exception, words: str) -> str:
    absent = any(isinstance(one, FileNotFoundError) for one in (error, error.__cause__, error.__context__))
    return f"on the Ray node {socket.gethostname()}: {words}{f'; {SHARED}' if absent else ''}"


def _connected() -> Any:
    """Ray, connected to the cluster as long as this process lives."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return ray
    address = os.environ["RAY_ADDRESS"]
    _check(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address,
            namespace=_OURS,
            runtime_env={"py_modules": [str(Path(__file__).parent)]},
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise RegionHeadsError(
            f"RAY_ADDRESS: {address}: the Ray cluster does not take this process ({first_line(error)}); expected one "
            "with the same versions of Ray and Python, named as `auto` on one of its nodes, else as ray://HOST:10001"
        ) from None
    finally:
        # Ray takes it, and ends with another exit code than a step's.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
    return ray


def _check(address: str) -> None:
    """Spares the minute in which Ray tries again to reach what is not there.

    Raises:
        RegionHeadsError: Nothing answers, or it is no address.
    """
    named = re.fullmatch(r"(?:ray://)?\[?([^/\s]+?)\]?:(\d+)", address)
    if address in ("auto", "local"):
        return
    if named is None:
        raise RegionHeadsError(
            f"RAY_ADDRESS: expected `auto` on a node of the cluster, ray://HOST:10001 elsewhere, found {address!r}"
        )
    try:
        socket.create_connection((named[1], int(named[2])), timeout=_PATIENCE).close()
    except OSError as error:
        raise RegionHeadsError(
            f"RAY_ADDRESS: {address}: no Ray cluster answers there ({error.strerror or first_line(error)}); check the "
            "address, the network, and whether it runs, or unset RAY_ADDRESS to work on this machine alone"
        ) from None
