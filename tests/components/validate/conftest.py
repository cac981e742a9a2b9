"""A small sound data set in the public format, to be spoilt one way at a time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import mask as coco

from region_heads.quality.validation import checking
from region_heads.quality.validation.checking import check, hold
from region_heads.quality.validation.settings import Params
from region_heads.settings import DatasetParams

HEIGHT, WIDTH = 48, 64

Record = dict[str, Any]


def rle(left: int, height: int = HEIGHT, width: int = WIDTH) -> dict[str, Any]:
    """A rectangle, 8 pixels wide, as it stands in a record."""
    mask = np.zeros((height, width), dtype=np.uint8, order="F")
    mask[10:20, left : left + 8] = 1
    encoded = coco.encode(mask)
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}


def record(number: int, category: str, question: str, answer: Any) -> Record:
    """A record of the public format about picture ``number % 3``."""
    return {
        "id": f"r{number}",
        "image": f"{number % 3:06d}.png",
        "conversations": [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": "It is so."}],
        "rle": [rle(8 + 12 * region) for region in range(question.count("<mask>"))],
        "category": category,
        "normalized_answer": answer,
        "freeform_answer": "It is so.",
    }


def sound_records() -> list[Record]:
    """Eight records, two of each category."""
    kinds = [
        ("distance", "How far is <mask> from <mask>?", 2.5),
        ("left_right", "Is <mask> left or right of <mask>?", "left"),
        ("mcq", "Which of <mask> <mask> <mask> is leftmost?", "2"),
        ("count", "How many of <mask> <mask> are in <mask>?", 1),
    ]
    return [record(number, *kinds[number % 4]) for number in range(8)]


@dataclass
class Outputs:
    """What the step wrote."""

    folder: Path
    result: dict[str, float] = field(default_factory=dict)

    @property
    def records(self) -> pa.Table:
        """The accepted records."""
        return pq.read_table(self.folder / "records.parquet")

    @property
    def quarantined(self) -> list[dict[str, Any]]:
        """The lines of the quarantine."""
        lines = (self.folder / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    @property
    def report(self) -> dict[str, Any]:
        """The report."""
        content: dict[str, Any] = json.loads((self.folder / "validation.json").read_text(encoding="utf-8"))
        return content


Run = Callable[..., Outputs]


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """The data set's folder: three pictures with depth, and ``train.json`` with eight sound records."""
    folder = tmp_path / "warehouse"
    for kind in ("images", "depths"):
        (folder / "train" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        picture = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / "train" / "images" / f"{number:06d}.png")
        depth = rng.integers(4000, 9000, (HEIGHT, WIDTH)).astype(np.uint16)
        Image.fromarray(depth).save(folder / "train" / "depths" / f"{number:06d}_depth.png")
    write(folder, sound_records())
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the step on a data set; settings by name, lenient by default so that one bad record does not stop it.

    Without ``pages`` it writes no Data Docs, which take half of its time.
    """

    def call(
        dataset: Path,
        *,
        data: dict[str, Any] | None = None,
        expectations: bool = False,
        pages: bool = False,
        **settings: Any,
    ) -> Outputs:
        outputs = Outputs(tmp_path / "out")
        with monkeypatch.context() as patch:
            if not pages:
                patch.setattr("region_heads.quality.validation.expectations._write_pages", lambda *_: None)
            if not (expectations or pages or "suite" in settings):
                patch.setattr(checking, "run_suite", lambda *_: [])
            content = check(
                dataset=dataset,
                records=outputs.folder / "records.parquet",
                quarantine=outputs.folder / "quarantine.jsonl",
                data_docs=outputs.folder / "data_docs",
                report=outputs.folder / "validation.json",
                data=DatasetParams(**(data or {})),
                validate=Params(**({"max_rejected_share": 1.0} | settings)),
            )
        outputs.result = {name: float(content[name]) for name in ("read", "accepted", "quarantined")}
        hold(content, dataset=dataset, quarantine=outputs.folder / "quarantine.jsonl")
        return outputs

    return call


def write(folder: Path, records: list[Any]) -> None:
    """Writes ``train.json`` as a JSON list."""
    (folder / "train.json").write_text(json.dumps(records), encoding="utf-8")


def spoilt(**changes: Any) -> list[Record]:
    """The sound records with fields of the first one replaced."""
    records = copy.deepcopy(sound_records())
    records[0] |= changes
    return records
