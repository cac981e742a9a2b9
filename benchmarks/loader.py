"""How many questions a second the loader prepares, against a plain Dataset with pycocotools and Pillow, core for core.

    python -m benchmarks.loader [--images 24] [--workers 1]

Pictures of 1920x1080 with depth, five questions about each, 2 to 15 of its 20 masks a question: the proportions of the
public set. Both sides run in as many worker processes as asked for and read what a LLaVA of 336 pixels needs: the
normalised picture, each region's coverage of the patches, its box, middle and depth statistics. The plain side does so
question by question, as tutorials do: it opens the picture and its depth image, decodes every mask to full size, and
averages. Ours opens each picture once for all questions of a batch, reads coverage from the run lengths, and measures
every region on the floor besides.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from pycocotools import mask as coco
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from benchmarks.annotations import HEIGHT, OBJECTS, WIDTH, mask_pool
from region_heads.data.batches import ImageBatchSampler
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import PromptFormat, RegionProcessor, train_tokenizer
from region_heads.image_format import ImageFormat
from region_heads.picture_file import open_picture
from region_heads.records import SPLIT_SCHEMA

PER_IMAGE, SIDE, PATCH, ROUNDS = 5, 336, 14, 3


class PlainDataset(Dataset[dict[str, Any]]):
    """One question at a time, everything from its files."""

    def __init__(self, rows: list[dict[str, Any]], root: Path) -> None:
        self.rows, self.root = rows, root

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        row = self.rows[index]
        picture = open_picture(self.root / row["image"]).image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        pixels = (torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255 - 0.5) / 0.5
        depth = open_picture(self.root / row["depth"], "depth").metres(0.001)
        coverage, geometry = [], []
        for counts in row["rle"]:
            mask = coco.decode({"size": [HEIGHT, WIDTH], "counts": counts.encode()})
            small = torch.nn.functional.adaptive_avg_pool2d(
                torch.from_numpy(mask)[None, None].float(), (SIDE // PATCH, SIDE // PATCH)
            )
            ys, xs = np.nonzero(mask)
            z = depth[ys, xs]
            coverage.append(small.flatten())
            geometry.append(
                torch.tensor([xs.mean(), ys.mean(), xs.min(), xs.max(), ys.min(), ys.max(), z.mean(),
                              *np.percentile(z, [10, 50, 90])])
            )  # fmt: skip
        return {"pixels": pixels, "coverage": torch.stack(coverage), "geometry": torch.stack(geometry)}


def make(folder: Path, images: int) -> list[dict[str, Any]]:
    """Pictures with smooth colours and a little noise, a floor with boxes for depth, and questions about them."""
    draw, noise = random.Random(0), np.random.default_rng(0)
    masks, rows = mask_pool(0, 2000), []
    rows_of = np.linspace(14, 5, HEIGHT)[:, None] + np.zeros((1, WIDTH))
    for image in range(images):
        colours = Image.fromarray(noise.integers(0, 255, (34, 60, 3), dtype=np.uint8))
        smooth = np.asarray(colours.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
        speckled = smooth + noise.integers(-3, 4, (HEIGHT, WIDTH, 1), dtype=np.int16)
        Image.fromarray(speckled.clip(0, 255).astype(np.uint8)).save(folder / f"{image}.png")
        depth = rows_of.copy()
        for _ in range(30):
            y, x = draw.randrange(HEIGHT - 120), draw.randrange(WIDTH - 160)
            depth[y : y + 120, x : x + 160] -= draw.uniform(0.2, 1.5)
        millimetres = depth * 1000 + noise.integers(-5, 6, (HEIGHT, WIDTH))
        Image.fromarray(millimetres.astype(np.uint16)).save(folder / f"{image}_depth.png")
        objects = draw.sample(masks, OBJECTS)
        for number in range(PER_IMAGE):
            regions = draw.sample(objects, draw.randint(2, 15))
            rows.append(
                {
                    "id": f"{image}-{number}", "source": "made#0", "source_split": "train", "image": f"{image}.png",
                    "depth": f"{image}_depth.png", "width": WIDTH, "height": HEIGHT, "rle": regions,
                    "question": "How far is " + " from ".join(["<mask>"] * len(regions)) + "?", "mask_areas": [1],
                    "task": "distance", "task_source": "label", "task_confidence": 1.0, "target_distance": 2.5,
                    "wording": "", "novel_wording": False, "copy": 0,
                }
            )  # fmt: skip
    return rows


def seconds(loader: DataLoader[Any]) -> float:
    """Time from the first batch to the last; the start of the processes is not counted."""
    batches = iter(loader)
    next(batches)
    started = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - started


def main() -> None:
    """Prints questions a second of both sides, and the ratio."""
    parser = argparse.ArgumentParser(description="The loader against a plain Dataset.")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--workers", type=int, default=1, help="processes on each side")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = make(folder, arguments.images)
        table = pa.Table.from_pylist(rows, schema=SPLIT_SCHEMA)
        processor = RegionProcessor(
            train_tokenizer([row["question"] for row in rows]),
            image_format=ImageFormat(unit=SIDE, stride=PATCH, max_pixels=SIDE * SIDE),
            prompt=PromptFormat(),
        )

        def ours() -> float:
            dataset = RegionDataset(table, folder, processor)
            sampler = ImageBatchSampler(dataset.images, images_per_batch=1, max_questions=PER_IMAGE, shuffle=False)
            collate = RegionDataCollator(processor)
            return seconds(
                DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, num_workers=arguments.workers)
            )

        def plain() -> float:
            dataset = PlainDataset(rows, folder)
            return seconds(DataLoader(dataset, batch_size=PER_IMAGE, collate_fn=list, num_workers=arguments.workers))

        sides: dict[str, Callable[[], float]] = {"this loader": ours, "plain Dataset": plain}
        times = {side: [run() for _ in range(ROUNDS)] for side, run in sides.items()}
    counted = (arguments.images - 1) * PER_IMAGE
    result = Table("", "questions/s", f"median of {ROUNDS}", box=None, pad_edge=False)
    for side, found in times.items():
        result.add_row(side, f"{counted / statistics.median(found):.1f}", f"{statistics.median(found):.1f} s")
    console = Console()
    console.print(result)
    ratio = statistics.median(b / a for a, b in zip(times["this loader"], times["plain Dataset"], strict=True))
    console.print(f"{ratio:.1f} times as many questions, {arguments.workers} process(es) on each side")


if __name__ == "__main__":
    main()
