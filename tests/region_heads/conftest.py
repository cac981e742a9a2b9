"""A tiny model with random weights, and the questions as it reads them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.training.build import build


@pytest.fixture(scope="session")
def built(table: pa.Table) -> tuple[RegionHeadsModel, RegionProcessor]:
    """A tiny model with random weights, and its processor."""
    torch.manual_seed(0)
    model, processor = build(ModelSettings(), table)
    return model.eval(), processor


@pytest.fixture(scope="session")
def dataset(table: pa.Table, image_folder: Path, built: tuple[RegionHeadsModel, RegionProcessor]) -> RegionDataset:
    """The table as a data set, without augmentation."""
    return RegionDataset(table, image_folder, built[1])


@pytest.fixture(scope="session")
def collate(built: tuple[RegionHeadsModel, RegionProcessor]) -> RegionDataCollator:
    """The collator for that model."""
    return RegionDataCollator(built[1])
