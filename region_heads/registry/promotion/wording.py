"""Figures of the gate in words."""

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Any


def rounded(count: float) -> int:
    """Two digits of ``count``, rounded up: more would pretend to be exact."""
    step = 10 ** max(0, floor(log10(max(count, 1))) - 1)
    return int(ceil(count / step) * step)


def spoken(task: str) -> str:
    """A task's name at the start of a sentence."""
    return task.replace("_", " ").capitalize()


def called(version: str | None) -> str:
    """A version in a sentence."""
    return "no version" if version is None else f"version {version}"


def points(share: float | None) -> str:
    """A share in per cent."""
    return "unknown" if share is None else f"{100 * share:.1f} %"


def signed(share: float) -> str:
    """A share as points with its sign."""
    return f"{100 * share:+.1f}"


def change(compared: Mapping[str, Any]) -> str:
    """A difference with its interval, in points."""
    low, high = compared["ci95"]
    return f"{signed(compared['difference'])} points (95 %: {signed(low)} to {signed(high)})"
