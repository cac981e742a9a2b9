"""Questions about one picture in one request against one request each: ``python -m benchmarks.serving``.

The application of ``region-heads serve`` with a tiny model of random weights; requests go through its HTTP layer, in
this process and one after the other, so that what is compared is decoding and passes, and not a network.
"""

from __future__ import annotations

import argparse
import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from fastapi.testclient import TestClient
from PIL import Image

from benchmarks.timing import medians
from region_heads.asking import Images, Limits
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import LoadedModel
from region_heads.records import TAGGED_SCHEMA
from region_heads.serving.app import create_app
from region_heads.serving.intake import ServerLimits
from region_heads.serving.worker import Worker
from region_heads.training.build import build


def main() -> None:
    """Prints the time of both ways and their ratio, for pictures of two sizes."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    options.add_argument("--questions", type=int, nargs="+", default=[1, 5, 20])
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    network, processor = build(ModelSettings(), _words())
    worker = Worker(lambda: LoadedModel(network.eval(), processor), images=Images(Path("/dev/null")), limits=Limits())
    with TestClient(create_app(worker, ServerLimits(seconds=300), {})) as client:
        while client.get("/readyz").status_code != 200:
            pass
        print(f"{'picture':>12}  {'questions':>9}  {'apart':>8}  {'together':>8}  ratio")
        for width, height in ((640, 360), (1920, 1080)):
            for count in given.questions:
                apart, together = _sides(client, _questions(width, height, count))
                found = medians({"apart": apart, "together": together}, rounds=given.rounds)
                print(
                    f"{width:>7}x{height:<4}  {count:>9}  {found['apart']:>6.3f} s  {found['together']:>6.3f} s  "
                    f"{found['apart'] / found['together']:.2f}x"
                )


def _sides(client: TestClient, questions: list[dict[str, object]]) -> tuple[Callable[[], None], Callable[[], None]]:
    def apart() -> None:
        for question in questions:
            assert client.post("/v1/answers", json=question).status_code == 200

    def together() -> None:
        bare = [{key: value for key, value in question.items() if key != "image"} for question in questions]
        batch = {"image": questions[0]["image"], "questions": bare}
        assert client.post("/v1/answers", json=batch).json()["refused"] == 0

    return apart, together


def _questions(width: int, height: int, count: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    small = rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((width, height)).save(buffer, format="JPEG", quality=90)
    picture = base64.b64encode(buffer.getvalue()).decode()
    boxes = [
        [[x, y, x + width // 10, y + height // 8] for x, y in rng.integers(0, height // 2, (2, 2)).tolist()]
        for _ in range(count)
    ]
    question = "How far is the pallet <mask> from the pallet <mask>?"
    return [{"question": question, "image": picture, "regions": regions} for regions in boxes]


def _words() -> pa.Table:
    """A table from which the tiny backbone's tokenizer learns."""
    row = dict.fromkeys(TAGGED_SCHEMA.names) | {
        "id": "0", "source": "", "source_split": "", "image": "", "width": 1, "height": 1, "rle": [], "mask_areas": [],
        "question": "How far is the pallet <mask> from the pallet <mask>?", "task": "distance", "task_source": "label",
        "task_confidence": 1.0,
    }  # fmt: skip
    return pa.Table.from_pylist([row], schema=TAGGED_SCHEMA)


if __name__ == "__main__":
    main()
