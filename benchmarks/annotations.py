"""An annotation set of full size in the public format, without pictures: shapes, shares and masks, but no meaning.

    python -m benchmarks.annotations FOLDER [--questions 499083] [--damaged 0.001]

Shares of the categories are those of the public training split (domain figures of
``nvidia/PhysicalAI-Spatial-Intelligence-Warehouse``: 499,083 questions about some 95,000 pictures of 1080x1920). Masks
are drawn from a pool of random polygons, since drawing four million would take longer than reading them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HEIGHT, WIDTH = 1080, 1920
QUESTIONS = 499_083
QUESTIONS_PER_IMAGE = 499_083 / 95_000
CATEGORIES = {"distance": 245_889, "mcq": 110_055, "count": 73_803, "left_right": 69_336}
"""Questions of each category in the public training split."""

OBJECTS = 20
"""Marked objects of a picture, which its questions ask about."""

_POOL = 20_000
_OBJECTS = ("pallet", "transporter", "buffer", "shelf")
_ASKED: dict[str, tuple[str, ...]] = {
    "distance": (
        "How far is {0} from {1}?",
        "What is the distance between {0} and {1} in metres?",
        "Could you measure the gap from {0} to {1}?",
        "How much space lies between {0} and {1}?",
        "Among {0}, how far is the leftmost one from {1}?",
        "Give the separation of {0} and {1}.",
    ),
    "mcq": (
        "Which of {0} is the closest to {1}?",
        "From {0}, choose the one nearest to {1}.",
        "Which of {0} should the empty transporter {1} pick up?",
        "Of {0}, which one is farthest from {1}?",
        "What is the leftmost of {0}, seen beside {1}?",
    ),
    "count": (
        "How many of {0} are inside {1}?",
        "What is the number of pallets {0} in {1}?",
        "Count all of {0} that stand in {1}.",
        "Considering {0}, how many lie within {1}?",
    ),
    "left_right": (
        "Is {0} to the left or to the right of {1}?",
        "Does {0} appear on the right of {1}?",
        "From this viewpoint, is {0} on the left side of {1}?",
        "On which side of {1} is {0}?",
    ),
}


def mask_pool(seed: int, size: int = _POOL) -> list[str]:
    """Compressed counts of jagged random polygons, some 1,000 characters each on average.

    The 35 public masks at hand have 1,040 on average, so that a file of full size has as many bytes to read.
    """
    from pycocotools import mask as coco

    draw = np.random.default_rng(seed)
    found = []
    for _ in range(size):
        corners = int(draw.integers(20, 90))
        angles = np.sort(draw.uniform(0, 2 * np.pi, corners))
        reach = draw.uniform(0.55, 1.0, corners) * draw.uniform(15, 170)
        x = np.clip(draw.uniform(270, WIDTH - 270) + reach * np.cos(angles), 0, WIDTH - 1)
        y = np.clip(draw.uniform(270, HEIGHT - 270) + reach * np.sin(angles), 0, HEIGHT - 1)
        polygon = np.stack([x, y], axis=1).round(1).ravel().tolist()
        encoded = coco.merge(coco.frPyObjects([polygon], HEIGHT, WIDTH))
        if coco.area(encoded) > 0:
            found.append(encoded["counts"].decode("ascii"))
    return found


def records(questions: int, *, seed: int = 0, pool: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Records in the public format, grouped by picture as in the public file."""
    draw = random.Random(seed)
    masks = pool or mask_pool(seed)
    categories, weights = list(CATEGORIES), list(CATEGORIES.values())
    images = max(1, round(questions / QUESTIONS_PER_IMAGE))
    shown, objects = -1, masks
    for number in range(questions):
        if number * images // questions != shown:
            shown, objects = number * images // questions, draw.sample(masks, OBJECTS)
        category = draw.choices(categories, weights)[0]
        regions = 2 if category == "left_right" else draw.randint(2, 15)
        answer, freeform, listed = _ANSWERS[category](draw, regions)
        things = [f"the {draw.choice(_OBJECTS)} {' '.join(['<mask>'] * (regions - listed))}"]
        group = f"the {draw.choice(_OBJECTS)}s " + " ".join(["<mask>"] * listed) if listed > 1 else "the pallet <mask>"
        question = draw.choice(_ASKED[category]).format(group, " and ".join(things))
        yield {
            "id": f"{draw.getrandbits(128):032x}",
            "image": f"{shown:06d}.png",
            "conversations": [{"from": "human", "value": f"<image>\n{question}"}, {"from": "gpt", "value": freeform}],
            "rle": [{"size": [HEIGHT, WIDTH], "counts": counts} for counts in draw.sample(objects, regions)],
            "category": category,
            "normalized_answer": answer,
            "freeform_answer": freeform,
        }


def _distance(draw: random.Random, regions: int) -> tuple[Any, str, int]:
    metres = 0 if draw.random() < 0.076 else round(draw.lognormvariate(1.5, 0.7), 2)
    return metres, f"The distance from the pallet [Region 0] to the shelf [Region {regions - 1}] is {metres} m.", 1


def _choice(draw: random.Random, regions: int) -> tuple[Any, str, int]:
    chosen = draw.randrange(regions - 1)
    return str(chosen), f"The pallet [Region {chosen}] is the closest to [Region {regions - 1}].", regions - 1


def _count(draw: random.Random, regions: int) -> tuple[Any, str, int]:
    counted = sorted(draw.sample(range(regions - 1), min(draw.randint(1, 4), regions - 1)))
    names = ", ".join(f"the pallet [Region {region}]" for region in counted)
    return len(counted), f"The buffer [Region {regions - 1}] holds {names}.", regions - 1


def _side(draw: random.Random, _regions: int) -> tuple[Any, str, int]:
    side = draw.choice(("left", "right"))
    return side, f"The pallet [Region 0] is to the {side} of the pallet [Region 1].", 1


_ANSWERS: dict[str, Callable[[random.Random, int], tuple[Any, str, int]]] = {
    "distance": _distance,
    "mcq": _choice,
    "count": _count,
    "left_right": _side,
}
"""Answer, freeform answer, and how many regions stand in a list, for a question about so many regions."""


def write(folder: Path, *, questions: int, damaged: float = 0.0, seed: int = 0) -> Path:
    """Writes ``train.json``, one list on one line.

    Args:
        damaged: Share of the records that get a mask which does not fill its picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "train.json"
    draw = random.Random(seed + 1)
    with path.open("w", encoding="utf-8") as file:
        for number, record in enumerate(records(questions, seed=seed)):
            if draw.random() < damaged:
                record["rle"][0]["size"] = [HEIGHT, WIDTH - 1]
            file.write("[" if number == 0 else ", ")
            file.write(json.dumps(record))
        file.write("]")
    return path


def main() -> None:
    """Writes the set and says how large it is."""
    parser = argparse.ArgumentParser(description="A full-size annotation set without pictures.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--damaged", type=float, default=0.001)
    arguments = parser.parse_args()
    path = write(arguments.folder, questions=arguments.questions, damaged=arguments.damaged)
    print(f"{path}: {arguments.questions:,} questions, {path.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
