"""Arithmetic: a backbone may compute in bf16 by autocast; the region path always computes in fp32."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
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
        given = (*arguments, *options.values())
        tensors = (tensor for value in given for tensor in _parts(value).values() if isinstance(tensor, Tensor))
        device = next((tensor.device.type for tensor in tensors), "cpu")  # none: for ``forward`` to refuse
        with torch.autocast(device, enabled=False):
            return forward(*map(_cast, arguments), **{name: _cast(value) for name, value in options.items()})

    return run


def _parts(value: Any) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return {"": value}


def _cast(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{name: _cast(part) for name, part in _parts(value).items()})
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
