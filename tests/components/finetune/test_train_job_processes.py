"""A TrainJob in processes of this machine, through Kubeflow's own client: same weights, killed, ended, gone on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.finetune.train_job.lease import FOLDER
from region_heads.errors import RegionHeadsError
from tests.components.finetune.train_job_run import assert_same_training, train, weights

pytestmark = pytest.mark.slow

JOB = {"backend": "processes"}


def in_jobs(folder: Path) -> list[psutil.Process]:
    """Processes of this machine that belong to a job with its folder below ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(FOLDER, "").startswith(f"{folder}/"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until_none(folder: Path, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while in_jobs(folder):
        assert time.monotonic() < until, [process.cmdline() for process in in_jobs(folder)]
        time.sleep(0.2)


def test_a_job_learns_what_one_process_learns(
    table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    here = Path.cwd()
    train(table, image_folder, tmp_path / "start", learning_rate=1e-12)
    train(table, image_folder, tmp_path / "one", images_per_batch=2)
    train(table, image_folder, tmp_path / "ranks", processes=2)
    capfd.readouterr()
    figures = train(table, image_folder, tmp_path / "job", processes=2, train_job=JOB)
    assert_same_training(tmp_path / "job", tmp_path / "one", tmp_path / "start")
    ours, theirs = weights(tmp_path / "job"), weights(tmp_path / "ranks")
    assert all((ours[name] == theirs[name]).all() for name in theirs), "the same ranks, wherever they run"
    assert figures["seconds"] > 0
    assert (tmp_path / "job" / "curves").read_text().startswith("step,epoch")
    assert "trained " in capfd.readouterr().out, "the job's log is the step's"
    assert not list((tmp_path / "job" / "checkpoints").glob("*")), "nothing is left behind"
    assert not in_jobs(tmp_path)
    assert Path.cwd() == here


def test_what_a_rank_says_ends_the_step_at_once(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"TrainJob finetune-\w{12}: rank 0 gave up: .*training stopped before"):
        train(table, image_folder, tmp_path, processes=2, learning_rate=1e30, checkpoints=0, train_job=JOB)
    assert not in_jobs(tmp_path)


def test_a_lost_machine_costs_what_came_after_the_checkpoint(
    table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The job's processes are killed as soon as there is a checkpoint, as by a preemption."""
    import threading

    train(table, image_folder, tmp_path / "whole", processes=2)

    def kill() -> None:
        while not list((tmp_path / "cut" / "checkpoints").glob("*/checkpoints/*/checkpoint-*/seal.json")):
            time.sleep(0.05)
        for process in in_jobs(tmp_path):
            process.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    capfd.readouterr()
    train(table, image_folder, tmp_path / "cut", processes=2, train_job=JOB)
    killer.join()
    told = capfd.readouterr().out
    assert "try 1 of 3 ended without a result" in told
    assert "resumes from" in told
    assert "resuming from" in told, "the ranks went on from the checkpoint"
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all((whole[name] == cut[name]).all() for name in whole)


# The step in a process of its own, so that it can be ended from outside.
_STEP = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
from region_heads.console.boundary import in_words
from tests.components.finetune.train_job_run import train
folder, images, lease = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
with in_words("finetune"):  # as the step's command does
    train(pq.read_table(folder / "table.parquet"), images, folder, processes=2, epochs=400, checkpoints=100,
          train_job={"backend": "processes", "lease_seconds": lease})
"""


@pytest.mark.parametrize(("number", "lease"), [(signal.SIGTERM, 300.0), (signal.SIGKILL, 4.0)])
def test_nothing_goes_on_when_the_step_is_ended(
    table: pa.Table, image_folder: Path, tmp_path: Path, repository: Path, number: int, lease: float
) -> None:
    """By SIGTERM it deletes its job; after SIGKILL, when it can delete nothing, the job ends by its lease."""
    pq.write_table(table, tmp_path / "table.parquet")
    command = [sys.executable, "-c", textwrap.dedent(_STEP), str(tmp_path), str(image_folder), str(lease)]
    with subprocess.Popen(command, cwd=repository, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as step:
        until = time.monotonic() + 600
        while not list((tmp_path / "checkpoints").glob("*/checkpoints/*/checkpoint-*/seal.json")):
            if step.poll() is not None or time.monotonic() > until:
                step.kill()  # or it would be waited for
                pytest.fail("no checkpoint was written")
            time.sleep(0.1)
        assert in_jobs(tmp_path)
        os.kill(step.pid, number)
        assert step.wait(60) == (128 + number if number == signal.SIGTERM else -number)
    wait_until_none(tmp_path)
