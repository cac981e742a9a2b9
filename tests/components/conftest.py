"""A miniature of what lies between the steps: a few pictures, the splits and a real, untrained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import mask as coco

from region_heads.files.digests import folder_digest
from region_heads.files.tables import TableWriter
from region_heads.records import SPLIT_SCHEMA
from region_heads.settings import DatasetParams
from region_heads.tasks import Task

WIDTH, HEIGHT = 160, 90
RECORDS = "digest of the miniature's records"

_QUESTIONS = (
    ("distance", "How far is the pallet <mask> from the pallet <mask>?", [3.2, 0.0, 7.5]),
    ("left_right", "Is the pallet <mask> to the left or right of <mask>?", ["left", "right", "left"]),
    ("multiple_choice", "Which of <mask> <mask> <mask> is leftmost?", ["0", "2", "1"]),
    ("counting", "How many pallets of <mask> <mask> are inside <mask>?", [1, 2, 2]),
)


def _rle(x: int, y: int) -> str:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[y : y + 20, x : x + 24] = 1
    counts: str = coco.encode(mask)["counts"].decode("ascii")
    return counts


def split_rows(split: str, n_images: int) -> list[dict[str, Any]]:
    """Four questions, one of each task, about each of ``n_images`` pictures."""
    rows = []
    for image in range(n_images):
        for task_name, question, answers in _QUESTIONS:
            task, answer = Task.of(task_name), answers[image % 3]
            regions = question.count("<mask>")
            rows.append(
                {
                    "id": f"{split}-{image}-{task_name}",
                    "source": f"{split}.json#{len(rows)}",
                    "source_split": split,
                    "image": f"{split}/images/{image:06d}.png",
                    "depth": None,
                    "width": WIDTH,
                    "height": HEIGHT,
                    "question": question,
                    "rle": [_rle(10 + 40 * r, 10 + 5 * (image % 8)) for r in range(regions)],
                    "mask_areas": [900] * regions,
                    "copy": 0,
                    "category": task.category,
                    "answer": json.dumps(answer),
                    "freeform_answer": task.sentence(task.parse(answer)),
                    "task": task_name,
                    "task_source": "label",
                    "task_confidence": 1.0,
                    task.target_column: task.parse(answer),
                    "grounding": list(range(regions)),
                    "grounding_roles": ["answer"] * regions,
                    "wording": question.replace("<mask>", "#"),
                    "novel_wording": image % 4 == 0,
                }
            )
    return rows


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    for split, n_images in (("train", 8), ("test", 6)):
        images = folder / split / "images"
        images.mkdir(parents=True)
        for image in range(n_images):
            pixels = rng.integers(0, 255, size=(HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / f"{image:06d}.png")
    return folder


@pytest.fixture(scope="session")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("splits")
    for split, n_images in (("train", 8), ("val", 0), ("test", 6)):
        with TableWriter(folder / f"{split}.parquet", SPLIT_SCHEMA, records=RECORDS) as writer:
            for batch in pa.Table.from_pylist(split_rows(split, n_images), schema=SPLIT_SCHEMA).to_batches():
                writer.add(batch)
    return folder


@pytest.fixture(scope="session")
def untrained_model(tmp_path_factory: pytest.TempPathFactory, splits: Path) -> Path:
    """A model folder as ``finetune`` writes it, with the weights that it starts from."""
    from region_heads.modeling.settings import ModelSettings
    from region_heads.training.build import build

    folder = tmp_path_factory.mktemp("model") / "region_heads"
    model, processor = build(ModelSettings(), pq.read_table(splits / "train.parquet"))
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    about = {"mlflow_run_id": None, "undelivered": None, "params": {}, "seconds": 0.0, "val_score": 0.0}
    (folder / "training.json").write_text(json.dumps(about | {"splits_digest": folder_digest(splits)}))
    return folder


@pytest.fixture
def data() -> DatasetParams:
    return DatasetParams()
