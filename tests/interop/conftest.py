"""Copies of the small exports with their pictures, and a call of validate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from region_heads.quality.validation import checking
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.settings import Params
from region_heads.settings import DatasetParams

EXPORTS = Path(__file__).with_name("exports")
HEIGHT, WIDTH = 48, 64

Rows = list[dict[str, Any]]


def draw(folder: Path) -> None:
    """Two photos in ``photos``, and masks of their regions in ``masks``."""
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in ("kitchen", "hall"):
        picture = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "photos" / f"{name}.jpg")
    numbered = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbered[10:20, 8:16], numbered[10:20, 30:38] = 1, 2
    Image.fromarray(numbered).save(folder / "masks" / "kitchen.png")
    for number, name in enumerate(("crate", "table"), start=1):
        Image.fromarray(numbered == number).save(folder / "masks" / f"{name}.png")


@pytest.fixture
def export(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an export, by its name, with pictures beside it."""

    def copied(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(EXPORTS / name, folder)
        draw(folder)
        return folder

    return copied


@pytest.fixture
def validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Rows]:
    """The rows that validate makes of a folder, of which it may reject none; without the suite, which takes seconds."""
    monkeypatch.setattr(checking, "run_suite", lambda *_: [])

    def rows(folder: Path) -> Rows:
        out = tmp_path / "validated"
        content = check(
            dataset=folder, records=out / "records.parquet", quarantine=out / "quarantine.jsonl",
            data_docs=out / "docs", report=out / "report.json", data=DatasetParams(),
            validate=Params(max_rejected_share=0),
        )  # fmt: skip
        hold(content, dataset=folder, quarantine=None)
        found: Rows = pq.read_table(out / "records.parquet").to_pylist()
        return found

    return rows


def lines(folder: Path) -> Rows:
    """The questions that an import wrote."""
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
