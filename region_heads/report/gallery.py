"""The gallery: which questions are shown, and everything the page needs to draw them."""

import base64
import io
import json
import math
import re
from pathlib import Path
from typing import Any

from PIL import Image

from region_heads.errors import RegionHeadsError
from region_heads.picture_file import PictureError, open_picture
from region_heads.report.outlines import outline
from region_heads.report.rows import Row
from region_heads.report.settings import Params
from region_heads.tasks import TASKS, Task


def choose(rows: list[Row], limit: int) -> list[Row]:
    """At most ``limit`` questions, balanced over tasks and verdicts, worst first.

    Every task gets an equal share, half of it for wrong answers; what one group cannot fill goes to others.
    Wrong answers come first, the most confident ones before all; then right ones, the least confident first.
    """
    groups = [
        sorted((r for r in rows if r["task"] == task.name and _wrong(r) is wrong), key=_badness, reverse=True)
        for wrong in (True, False)
        for task in TASKS
    ]
    chosen: list[Row] = []
    depth = 0
    while len(chosen) < limit and any(depth < len(group) for group in groups):
        chosen += [group[depth] for group in groups if depth < len(group)][: limit - len(chosen)]
        depth += 1
    return sorted(chosen, key=lambda row: (not _wrong(row), -_badness(row), row["id"]))


def _wrong(row: Row) -> bool:
    return row["correct"] is False


def _badness(row: Row) -> float:
    confidence = float(row["confidence"])
    return confidence if _wrong(row) else 1 - confidence


def payload(rows: list[Row], dataset: Path, params: Params) -> dict[str, Any]:
    """Questions and pictures as plain data; each picture and each mask once.

    Returns:
        ``{"images": [{"src", "w", "h", "masks": [[path, x, y]]}], "slices": [[slice, label]], "questions": [...]}``
        where a question names its picture, masks and slices by number, and shares are whole percents.

    Raises:
        RegionHeadsError: A picture is missing or unreadable.
    """
    images: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    masks: dict[tuple[str, str], int] = {}
    cuts = sorted({cut for row in rows for cut in row["slices"].items()}, key=_in_order)
    places = {cut: number for number, cut in enumerate(cuts)}
    questions = []
    for row in rows:
        name = row["image"]
        if name not in numbers:
            numbers[name] = len(images)
            src, width, height = picture(dataset / name, params.image_width, params.image_quality)
            images.append({"src": src, "w": width, "h": height, "masks": []})
        image = images[numbers[name]]
        for counts in row["rle"]:
            if (name, counts) not in masks:
                masks[name, counts] = len(image["masks"])
                drawn = outline(counts, width=row["width"], height=row["height"], to_width=image["w"])
                image["masks"].append([drawn.path, drawn.x, drawn.y])
        task = Task.of(row["task"])
        questions.append(
            {
                "id": row["id"],
                "image": numbers[name],
                "file": name,
                "task": task.name,
                "text": row["question"],
                "masks": [masks[name, counts] for counts in row["rle"]],
                "answer": readable(task, row["prediction"]),
                "truth": None if row["answer"] is None else readable(task, row["answer"]),
                "correct": row["correct"],
                "sure": _percent(row["confidence"]),
                "answer_weights": [_percent(weight) for weight in row["answer_weights"]],
                "anchor_weights": [_percent(weight) for weight in row["anchor_weights"]],
                "novel": bool(row["novel_wording"]),
                "slices": [places[cut] for cut in row["slices"].items()],
                "said": row["freeform_answer"] or "",
            }
        )
    return {"images": images, "slices": [list(cut) for cut in cuts], "questions": questions}


def _percent(share: float) -> int:
    return round(100 * float(share))


def _in_order(cut: tuple[str, str]) -> tuple[str, float, bool, str]:
    """By slice, then by the label's first number: "below 2 m" before "2-5 m", and both before "10 m and more"."""
    name, label = cut
    number = re.search(r"\d+(\.\d+)?", label)
    return name, float(number[0]) if number else math.inf, label[:1].isdigit(), label


def readable(task: Task, answer: str) -> str:
    """An answer in JSON text as people write it: with two decimals and its unit."""
    value = json.loads(answer)
    if task.unit == "region":
        return f"region {value}"
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return f"{text} {task.unit}".strip()


def picture(path: Path, width: int, quality: int) -> tuple[str, int, int]:
    """The picture as a JPEG data URI, at most ``width`` wide, with its width and height.

    Raises:
        RegionHeadsError: It is missing or unreadable.
    """
    try:
        image = open_picture(path).image
    except PictureError as error:
        raise RegionHeadsError(f"{path}: {error}; the report shows the data set's images") from None
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality, optimize=True)
    return (
        "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"),
        image.width,
        image.height,
    )
