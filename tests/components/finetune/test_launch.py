"""Several ranks on one machine: one result, words for a rank that fails, and a run that goes on after a kill."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from components.finetune.step import run as finetune
from region_heads.errors import RegionHeadsError
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.settings import Params

pytestmark = pytest.mark.slow


def train(table: pa.Table, images: Path, folder: Path, **more: Any) -> dict[str, float]:
    """The step on two ranks, with everything that it writes below ``folder``."""
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    for name in ("train", "val"):
        pq.write_table(table, folder / "splits" / f"{name}.parquet")
    values = {
        "epochs": 6, "evaluations": 2, "checkpoints": 17, "images_per_batch": 1, "processes": 2,
        "checkpoint_folder": str(folder / "checkpoints"),
    }  # fmt: skip
    return finetune(
        splits=folder / "splits", dataset=images, model=folder / "model", curves=folder / "curves",
        finetune=Params.model_validate(values | more), data=DatasetParams(),
        tracking=TrackingParams(uri=f"sqlite:///{folder}/mlflow.db"),
    )  # fmt: skip


def ranks() -> dict[int, int]:
    """Process ids of the ranks that this process has started and that run now, by rank."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if parent == os.getpid() and b"components.finetune.rank" in command:
            found.update({int(entry[5:]): int(process.name) for entry in environment if entry.startswith(b"RANK=")})
    return found


def kill_rank(rank: int, checkpoints: Path) -> threading.Thread:
    """Kills a rank as soon as there is a checkpoint."""

    def wait_and_kill() -> None:
        while not list(checkpoints.glob("*/checkpoint-*/seal.json")):
            time.sleep(0.05)
        os.kill(ranks()[rank], signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("preset", ["none", "zero3"])
def test_a_killed_rank_is_named_and_the_run_goes_on_bit_by_bit(
    table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], preset: str
) -> None:
    train(table, image_folder, tmp_path / "whole", deepspeed=preset)
    killer = kill_rank(1, tmp_path / "cut" / "checkpoints")
    with pytest.raises(RegionHeadsError, match=r"rank 1 of 2 died by SIGKILL.* resumes from \S+checkpoint-\d+"):
        train(table, image_folder, tmp_path / "cut", deepspeed=preset)
    killer.join()
    assert not ranks(), "the other rank was stopped, too"
    assert not (tmp_path / "cut" / "model").exists()
    capfd.readouterr()
    figures = train(table, image_folder, tmp_path / "cut", deepspeed=preset)
    assert capfd.readouterr().out.count("resuming from") == 1
    whole, cut = (load_file(tmp_path / run / "model" / "model.safetensors") for run in ("whole", "cut"))
    assert all((whole[name] == cut[name]).all() for name in whole)
    about = json.loads((tmp_path / "cut" / "model" / "training.json").read_text())
    assert about["params"]["processes"] == 2
    assert figures["val_score"] == about["val_score"]


def test_what_a_rank_says_is_what_the_step_says(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError, match=r"rank \d of 2 gave up: training stopped before step \d+: the "):
        train(table, image_folder, tmp_path, learning_rate=1e30, checkpoints=0)


def test_more_ranks_than_the_machine_is_said_to_have_gpus_are_refused(
    table: pa.Table, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(RegionHeadsError, match=r"finetune.processes: expected at most 1, a rank for each GPU"):
        train(table, image_folder, tmp_path)


@pytest.mark.parametrize("preset", ["zero2", "zero3"])
def test_deepspeed_saves_the_whole_model(table: pa.Table, image_folder: Path, tmp_path: Path, preset: str) -> None:
    from region_heads.prediction import predict

    train(table, image_folder, tmp_path, deepspeed=preset, checkpoints=0, parts={"language": "lora"})
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert not [name for name in weights if "lora" in name or "base_layer" in name]
    assert predict(tmp_path / "model", table, image_folder).num_rows == table.num_rows
