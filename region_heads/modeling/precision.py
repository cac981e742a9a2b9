"""Arithmetic: a backbone may compute in bf16 by autocast; the region path always computes in fp32."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

PRECISIONS = ("float32", "bfloat16")
"""What a backbone may compute in."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_float32(forward: Callable[_P, _R]) -> Callable[_P, _R]:
    """A ``forward`` that computes in fp32 whatever autocast is around it, from tensors cast to fp32.

    Geometry, distances and logarithms lose their digits in half precision. Autocast chooses the arithmetic of every
    operator anew, so casting the inputs alone would change nothing.
    """

    @wraps(forward)
    def run(*arguments: _P.args, **options: _P.kwargs) -> _R:
        tensors = (value for value in (*arguments, *options.values()) if isinstance(value, Tensor))
        with torch.autocast(next(tensors).device.type, enabled=False):
            return forward(*map(_cast, arguments), **{name: _cast(value) for name, value in options.items()})

    return run


def _cast(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
