"""The same seed gives the same model on a CPU, whatever else runs on the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import TrainerCallback

from tests.region_heads.training.training_run import run


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes beside the training that take what they get of the cores."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(2)]
    yield
    for process in processes:
        process.kill()
        process.wait()


class Summing(TrainerCallback):
    """Sums rows again and again after a step, as its gradients were summed."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values
        self.found: list[torch.Tensor] = []
        self.threads: set[int] = set()

    def on_step_end(self, *_state: Any, **_more: Any) -> None:
        self.found += [summed(self.values) for _ in range(20)]
        self.threads.add(torch.get_num_threads())


def summed(values: torch.Tensor) -> torch.Tensor:
    """The rows of ``values``, summed as the gradient of an index sums them."""
    row = torch.zeros(1, values.shape[1], requires_grad=True)
    row[torch.zeros(len(values), dtype=torch.long)].backward(values)
    assert row.grad is not None
    return row.grad[0]


@pytest.mark.parametrize(("threads", "taken"), [(2, 2), (None, 1)])
def test_gradients_are_summed_row_by_row_while_a_model_trains(
    table: pa.Table, image_folder: Path, tmp_path: Path, threads: int | None, taken: int
) -> None:
    values = torch.randn(4096, 96, generator=torch.Generator().manual_seed(0))
    in_order = np.zeros(96, np.float32)
    for row in values.numpy():
        in_order += row
    summing = Summing(values)
    before = torch.get_num_threads()
    run(table, image_folder, tmp_path, max_steps=1, threads=threads, callbacks=[summing])
    assert (summing.threads, torch.get_num_threads()) == ({taken}, before)
    assert len(summing.found) == 20
    assert all(np.array_equal(sums.numpy(), in_order) for sums in summing.found)
    assert not torch.are_deterministic_algorithms_enabled()  # as it was before


@pytest.mark.slow
def test_a_training_beside_busy_processes_gives_the_same_weights(
    table: pa.Table, image_folder: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # 80 questions about five pictures in a step: its gradients are enough numbers for two threads, of which both have
    # some of the picture in the middle.
    many = pa.concat_tables([table[:25]] * 8).sort_by("image")
    options: dict[str, Any] = {
        "images_per_batch": 5,
        "max_steps": 12,
        "num_train_epochs": 4,
        "optim": "adamw_torch",
        "threads": 2,
    }
    options["settings"] = {"image_token_grid": 8}
    alone = run(many, image_folder, tmp_path / "alone", **options)
    request.getfixturevalue("busy_machine")
    for name in ("first", "second"):
        beside = run(many, image_folder, tmp_path / name, **options)
        assert all(torch.equal(alone[weight], beside[weight]) for weight in alone)
