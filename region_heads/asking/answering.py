"""Questions to answers, with one pass of the vision tower for each distinct picture."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from region_heads.asking.checks import Asked, Limits, Sound, check
from region_heads.asking.pictures import Album, Images
from region_heads.asking.refusal import Refusal
from region_heads.depth_use import lacking
from region_heads.prediction import LoadedModel, predict
from region_heads.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        answer: As the benchmark's ``normalized_answer``: metres (float), "left" or "right", a region as text, a count.
        unit: "m", "region" or "".
        sentence: The same as a sentence.
        task: The task whose head answered.
        routing: How sure the router is of the task, 0..1; 1 where the question came with it.
        confidence: How sure the head is of the answer, 0..1.
        regions: Numbers of the regions that the answer is about.
        anchors: Numbers of those that helped to find them.
    """

    answer: float | int | str
    unit: str
    sentence: str
    task: str
    routing: float
    confidence: float
    regions: list[int]
    anchors: list[int]


def ask(
    model: LoadedModel,
    asked: Sequence[Asked],
    *,
    images: Images | None = None,
    limits: Limits | None = None,
    depth_scale: float = 0.001,
    without_depth: bool = False,
) -> list[Answer | Refusal]:
    """Answers each question or says what is wrong with it; a bad one does not touch the others.

    Equal pictures, however they were sent, are decoded once, and their questions share one pass of the vision tower.

    Args:
        model: What ``region_heads.prediction.load`` returns.
        asked: The questions.
        images: Where pictures may come from; default: base64, and any path of this machine.
        limits: How large a question may be.
        depth_scale: Metres for one unit of a depth image.
        without_depth: As if each question allowed it.
    """
    images, limits = images or Images(), limits or Limits()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        album = Album(folder, max_pixels=limits.pixels)
        checked = [_checked(model, one, album, images, limits, without_depth) for one in asked]
        rows = [_row(number, one, album) for number, one in enumerate(checked) if isinstance(one, Sound)]
        answers: dict[str, dict[str, Any]] = {}
        if rows:
            table = pa.Table.from_pylist(rows, schema=_ROWS)
            table = predict(model, table, folder, depth_scale=depth_scale, without_depth=True)  # each was checked
            answers = {row["id"]: row for row in table.to_pylist()}
    return [
        one if isinstance(one, Refusal) else _answer(answers[str(number)], one) for number, one in enumerate(checked)
    ]


_ROWS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("image", pa.string()),
        pa.field("depth", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("question", pa.string()),
        pa.field("rle", pa.list_(pa.string())),
        pa.field("task", pa.string()),
    ]
)


def _checked(
    model: LoadedModel, asked: Asked, album: Album, images: Images, limits: Limits, without_depth: bool
) -> Sound | Refusal:
    try:
        sound = check(asked, album, images, limits)
    except Refusal as refusal:
        return refusal
    trained = model.network.config.depth_share
    missing = None if without_depth or asked.without_depth else lacking(trained, float(sound.depth is not None))
    if missing is not None:
        return Refusal("depth", "depth", missing, "none", "send one, or allow its absence by without_depth")
    if trained == 0:
        sound = replace(sound, depth=None)  # such a model would take it for noise
    heads = list(model.network.region_heads.heads)
    if model.network.answers_in_text or sound.task.name in heads:
        return sound
    expected = f"a question that this model has a head for ({', '.join(heads)})"
    return Refusal("task", "question", expected, sound.task.name, "ask another model")


def _row(number: int, sound: Sound, album: Album) -> dict[str, Any]:
    return {
        "id": str(number),
        "image": album.joined(sound.picture, sound.depth),
        "depth": None if sound.depth is None else sound.depth.name,
        "width": sound.picture.width,
        "height": sound.picture.height,
        "question": sound.question,
        "rle": sound.rle,
        "task": sound.task.name,
    }


def _answer(row: dict[str, Any], sound: Sound) -> Answer:
    task, answer = Task.of(row["task"]), json.loads(row["prediction"])
    return Answer(
        answer=str(answer) if task.names_region else answer,
        unit=task.unit,
        sentence=task.sentence(answer),
        task=task.name,
        routing=round(sound.routing, 4),
        confidence=round(float(row["confidence"]), 4),
        regions=_used(row["answer_weights"]),
        anchors=_used(row["anchor_weights"]),
    )


def _used(weights: list[float]) -> list[int]:
    return [region for region, weight in enumerate(weights) if weight >= 0.5]
