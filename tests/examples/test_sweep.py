"""The sweep of `examples/` trains what Optuna suggests, and goes on where it was stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.mark.slow
def test_a_sweep_ranks_its_trials_and_goes_on(
    repository: Path, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "splits").mkdir()
    for name in ("train", "val"):
        pq.write_table(table, tmp_path / "splits" / f"{name}.parquet")

    def run(trials: int) -> list[str]:
        command = [sys.executable, str(repository / "examples" / "sweep.py")]
        command += ["splits", str(image_folder), "out", "--trials", str(trials), "--epochs", "1"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return [line for line in done.stdout.splitlines() if "learning_rate" in line]

    (first,) = run(1)
    both = run(2)
    assert first in both
    scores = [float(line.split()[0]) for line in both]
    assert scores == sorted(scores, reverse=True)
    assert (tmp_path / "out" / "1" / "model" / "model.safetensors").is_file()
