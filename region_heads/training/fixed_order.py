"""Sums in a fixed order, so that the same seed gives the same model whatever else runs on the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def in_fixed_order(threads: int) -> Iterator[None]:
    """Torch's deterministic algorithms, on a CPU, by so many threads; what was set before is set again at the end.

    Without them the gradient of an index (``states[rows]``, from 32,768 numbers on) is summed by all threads at once,
    in the order in which the machine lets them run. An operation that has no fixed order warns.
    """
    deterministic: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory, torch.get_num_threads()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    deterministic.fill_uninitialized_memory = False  # which only costs time
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        deterministic.fill_uninitialized_memory = before[1]
        torch.set_num_threads(before[2])
