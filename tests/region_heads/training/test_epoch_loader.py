"""Batches that other processes prepare: how many do, and what is said when one cannot."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pyarrow as pa
import pytest
from torch.utils.data import Dataset

from region_heads.data.batches import ImageBatchSampler, Key
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.errors import RegionHeadsError
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.arguments import training_arguments
from region_heads.training.epoch_loader import EpochLoader
from region_heads.training.settings import FinetuneSettings, TrainingSettings
from region_heads.training.trouble import explained


class Dying(Dataset[int]):
    """Ends the process that asks it."""

    def __getitem__(self, key: Key) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(key)


class Faulty(Dataset[int]):
    """Has a fault."""

    def __getitem__(self, key: Key) -> int:
        raise RuntimeError(f"a fault at {key}")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_is_missing_is_named_without_a_traceback(
    table: pa.Table, tmp_path: Path, built: tuple[RegionHeadsModel, RegionProcessor], workers: int
) -> None:
    dataset = RegionDataset(table, tmp_path, built[1])
    sampler = ImageBatchSampler(dataset.images, images_per_batch=1, shuffle=False)
    loader = EpochLoader(dataset, batch_sampler=sampler, collate_fn=RegionDataCollator(built[1]), num_workers=workers)
    with pytest.raises(
        RegionHeadsError, match=rf"^{tmp_path}/\S+\.png: expected a picture, found no such file; .*records\Z"
    ):
        next(iter(loader))


def test_a_process_that_dies_is_said_with_what_to_do(tmp_path: Path) -> None:
    loader = EpochLoader(Dying(), batch_sampler=ImageBatchSampler(["a"], images_per_batch=1), num_workers=1)
    with (
        pytest.raises(RegionHeadsError, match=r"prepared batches died .*finetune\.workers to 0"),
        explained(FinetuneSettings(), tmp_path),
    ):
        next(iter(loader))


def test_a_fault_in_a_process_is_no_lack_of_memory(tmp_path: Path) -> None:
    loader = EpochLoader(Faulty(), batch_sampler=ImageBatchSampler(["a"], images_per_batch=1), num_workers=1)
    with pytest.raises(RuntimeError, match="a fault at"), explained(FinetuneSettings(), tmp_path):
        next(iter(loader))


@pytest.mark.parametrize(("cores", "ranks", "workers"), [(1, "", 0), (2, "", 1), (8, "", 1), (4, "4", 0), (8, "4", 1)])
def test_a_core_that_is_left_prepares_batches(
    table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, ranks: str, workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert training_arguments(TrainingSettings(), table, tmp_path).dataloader_num_workers == workers
    chosen = TrainingSettings(workers=3)
    assert training_arguments(chosen, table, tmp_path).dataloader_num_workers == 3
