"""Work of a process that ends with it, as a step's does.

Ray 2.60 can end a process that connects to a cluster again after it left unfinished work there: a fault in Ray's core,
seen once in some tens of runs, which would end the tests, too.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function returns or raises; the function is one of a module."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        return executor.submit(function, *arguments).result()
