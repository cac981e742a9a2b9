"""The line's first steps with their defaults, as several tests run them."""

from __future__ import annotations

from pathlib import Path

from components.split.step import run as split
from components.tag_tasks.step import run as tag_tasks
from components.validate.step import run as validate
from region_heads.quality.splits.settings import Params as SplitParams
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.tagging.settings import Params as TagParams


def run_validate(dataset: Path, folder: Path, settings: ValidateParams, tracking: TrackingParams) -> None:
    """Outputs are named as the ports are, below ``folder``."""
    outputs = {name: folder / name for name in ("records", "quarantine", "data_docs")}
    report = folder / "validation"
    validate(dataset=dataset, **outputs, report=report, data=DatasetParams(), validate=settings, tracking=tracking)


def run_to_splits(dataset: Path, folder: Path, settings: ValidateParams, tracking: TrackingParams) -> None:
    """From ``dataset`` to ``splits``, with the reports ``validation``, ``router`` and ``split``."""
    run_validate(dataset, folder, settings, tracking)
    tag_tasks(
        records=folder / "records",
        tagged=folder / "tagged",
        quarantine=folder / "untagged",
        report=folder / "router",
        page=folder / "tags",
        tag_tasks=TagParams(),
    )
    split(
        tagged=folder / "tagged",
        splits=folder / "splits",
        report=folder / "split",
        page=folder / "page",
        split=SplitParams(),
    )
