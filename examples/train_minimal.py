"""Training without the machinery: pictures, records, a model, a loop, a saved model that is asked.

    python examples/train_minimal.py FOLDER

It draws pictures of two to four coloured squares with questions about them, trains the `tiny` backbone in a minute
on a CPU, and saves the model in FOLDER/model. For data of your own replace `draw`. docs/training.md has what a long
training needs: mixed precision, several GPUs, resuming, curves, the gate.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import region_heads
from region_heads import Answerer, ModelSettings, RegionDataCollator, RegionDataset, build, question_table


def draw(folder: Path, number: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """One picture of squares that do not overlap, and two questions about it: which is leftmost, and a side."""
    size, squares = 160, int(rng.integers(2, 5))
    pixels = np.full((size, size, 3), 230, dtype=np.uint8)
    boxes = []
    for left in rng.permutation(4)[:squares] * 40:
        x, y = int(left + rng.integers(0, 15)), int(rng.integers(0, size - 24))
        pixels[y : y + 24, x : x + 24] = rng.integers(0, 200, 3)
        boxes.append([x, y, x + 24, y + 24])
    Image.fromarray(pixels).save(folder / f"{number}.png")
    image = {"image": f"{number}.png"}
    leftmost = int(np.argmin([box[0] for box in boxes]))
    side = "left" if boxes[0][0] < boxes[1][0] else "right"
    masks = ", ".join(["<mask>"] * squares)
    return [
        image | {"question": f"Which of {masks} is leftmost?", "regions": boxes, "category": "mcq", "answer": leftmost},
        image | {"question": "Is <mask> left or right of <mask>?", "regions": boxes[:2], "answer": side},
    ]


def accuracy(model: Answerer, records: list[dict[str, Any]], folder: Path) -> float:
    """Share of the records that the model answers right."""
    right = 0
    for record in records:
        answer = model.ask(folder / record["image"], record["question"], record["regions"]).answer
        right += answer == str(record["answer"])
    return right / len(records)


def train(folder: Path, *, pictures: int, epochs: int) -> None:
    """Draws pictures into ``folder``, trains on them, and saves the model in ``folder``/model."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    records = [record for number in range(pictures) for record in draw(folder, number, rng)]
    held_out = records[: len(records) // 10]

    table = question_table(records[len(held_out) :], folder)  # checked; a bad record is an error that names it
    torch.manual_seed(0)
    model, processor = build(ModelSettings(), table)  # `backbone` names a pretrained one
    questions = RegionDataset(table, folder, processor)
    batches = torch.utils.data.DataLoader(
        questions, batch_size=32, shuffle=True, collate_fn=RegionDataCollator(processor)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    for epoch in range(epochs):
        for batch in batches:
            loss = model(batch=batch).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

    Answerer(model, processor).save_pretrained(folder / "model")
    saved = region_heads.load(folder / "model")
    print(f"right on held-out pictures: {accuracy(saved, held_out, folder):.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    train(options.folder, pictures=options.pictures, epochs=options.epochs)


if __name__ == "__main__":
    main()
