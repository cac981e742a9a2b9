"""Heads run once on their slice against a loop over samples: ``python -m benchmarks.heads``.

The loop is the one of the guide that this project started from, completed so that it is right: each sample calls the
head of its task, and the losses are summed and divided by the task's count. Forward and backward in fp32, on the CPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.timing import medians
from region_heads.modeling.batch import Targets
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.heads import HeadInputs, HeadTargets
from region_heads.modeling.routing import HeadRouter
from region_heads.tasks import TASKS

REGIONS, WORDS, STATE, VECTOR = 5, 12, 96, 64


class _Counter(TorchDispatchMode):
    """Counts operators, those of the backward pass too."""

    def __init__(self) -> None:
        super().__init__()
        self.operators = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operators += 1
        return function(*args, **kwargs or {})


def sides(heads: HeadRouter, size: int) -> dict[str, Callable[[], Tensor]]:
    """Both ways to the same loss, for a batch of ``size`` questions of all tasks."""
    torch.manual_seed(0)
    types = torch.arange(size) % len(TASKS)
    given = HeadInputs(
        states=torch.randn(size, REGIONS, STATE), vectors=torch.randn(size, REGIONS, VECTOR),
        positions=torch.randn(size, REGIONS, 3), inside=torch.rand(size, REGIONS, REGIONS),
        question=torch.randn(size, STATE), words=torch.randn(size, WORDS, STATE),
        fits=torch.randn(size, REGIONS, WORDS), valid=torch.ones(size, REGIONS, dtype=torch.bool),
    )  # fmt: skip
    orders = torch.tensor([1, 2, 0, 0, 0]).repeat(size, 1)
    values = {task.name: torch.ones(size, dtype=torch.float32 if task.unit == "m" else torch.long) for task in TASKS}
    grounded = torch.ones(size, dtype=torch.bool)
    index = {task.name: (types == number).nonzero().squeeze(-1) for number, task in enumerate(TASKS)}

    def total(rows: Tensor, index: dict[str, Tensor], only: str | None = None) -> Tensor:
        targets = Targets(
            {name: values[name][rows[places]] for name, places in index.items()},
            orders[rows], torch.zeros_like(orders[rows]), grounded[rows], grounded[rows],
        )  # fmt: skip
        if only is None:
            outputs = dict(heads(given.of(rows), index, targets))
        else:
            wanted = HeadTargets(targets.target[only], targets.answer_order, targets.anchor_order, targets.grounded)
            outputs = {only: heads.heads[only](given.of(rows), wanted)}
        return torch.stack(
            [(output.loss + output.grounding_loss).sum() / counts[name] for name, output in outputs.items()]
        ).sum()

    counts = {name: len(places) for name, places in index.items()}

    def grouped() -> Tensor:
        return total(torch.arange(size), index)

    def looped() -> Tensor:
        losses = [
            total(torch.tensor([row]), {task.name: torch.tensor([0])}, only=task.name)
            for row in range(size)
            for task in [TASKS[int(types[row])]]
        ]
        return torch.stack(losses).sum()

    return {"grouped": grouped, "looped": looped}


def both_ways(side: Callable[[], Tensor]) -> None:
    torch.autograd.backward(side())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    # Without dropout, of which each side would draw its own.
    heads = HeadRouter(RegionHeadsConfig(), state_size=STATE, vector_size=VECTOR).eval()
    print("questions   looped ms   grouped ms    ratio   operators looped   grouped")
    for size in (16, 64, 256):
        found: dict[str, float] = {}
        losses, operators = {}, {}
        for name, side in sides(heads, size).items():
            with _Counter() as counter:
                loss = side()
                torch.autograd.backward(loss)
            losses[name], operators[name] = loss.item(), counter.operators
        assert abs(losses["looped"] - losses["grouped"]) < 1e-3 * abs(losses["grouped"]), losses
        found = medians(
            {name: partial(both_ways, side) for name, side in sides(heads, size).items()},
            rounds=options.rounds,
        )
        print(
            f"{size:>9} {1e3 * found['looped']:>11.1f} {1e3 * found['grouped']:>12.1f} "
            f"{found['looped'] / found['grouped']:>7.1f}x {operators['looped']:>18} {operators['grouped']:>9}"
        )


if __name__ == "__main__":
    main()
