"""Two ranks learn what one process learns, also when the tasks lie unevenly between them (gloo, on the CPU)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tests.region_heads.training.training_run import TOLERANCE, run

pytestmark = pytest.mark.slow


def skewed(table: pa.Table) -> pa.Table:
    """Each image keeps the questions of one task alone, so that a rank never sees the task of the other."""
    rows = table.to_pylist()
    tasks = ["distance", "counting", "left_right", "multiple_choice", "distance", "counting"]
    kept = [row for row in rows if row["task"] == tasks[int(row["image"].split(".")[0])]]
    return pa.Table.from_pylist(kept, schema=table.schema)


def on_two_ranks(table: pa.Table, images: Path, folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """Trains on two processes and returns the weights; both must hold the same."""
    pq.write_table(table, folder / "table.parquet")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ranks = []
    for rank in range(2):
        environment = os.environ | {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.region_heads.training.training_run", str(folder), str(images)]
        command += [f"{name}={value}" for name, value in options.items()]
        ranks.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    for process in ranks:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output.decode()
    first, second = (torch.load(folder / f"weights-{rank}.pt") for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    return first


@pytest.mark.parametrize("uneven", [False, True], ids=["mixed tasks", "one task a rank"])
@pytest.mark.parametrize("accumulated", [1, 2])
def test_two_ranks_equal_one_process(
    table: pa.Table, image_folder: Path, tmp_path: Path, uneven: bool, accumulated: int
) -> None:
    questions = skewed(table) if uneven else table
    together = run(questions, image_folder, tmp_path / "one", images_per_batch=2 * accumulated)
    shared = on_two_ranks(
        questions, image_folder, tmp_path, images_per_batch=1, gradient_accumulation_steps=accumulated
    )
    start = run(questions, image_folder, tmp_path / "none", learning_rate=0.0)
    moved = max(float((together[name] - start[name]).abs().max()) for name in start)
    assert moved > 100 * TOLERANCE
    for name, weight in together.items():
        assert torch.allclose(weight, shared[name], atol=TOLERANCE), name
