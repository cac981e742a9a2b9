"""Questions to answers, with one pass of the vision tower for each distinct picture."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from region_heads.asking.checks import CheckedQuestion, Limits, RegionQuestion, Request
from region_heads.asking.pictures import Images, PictureFolder
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
    asked: Sequence[RegionQuestion],
    *,
    images: Images | None = None,
    limits: Limits | None = None,
    depth_scale: float = 0.001,
    without_depth: bool = False,
) -> list[Answer | Refusal]:
    """Answers each question of one request or says what is wrong with it; a bad one does not touch the others.

    Equal pictures, however they were sent, are decoded once, and their questions share one pass of the vision tower.

    Args:
        model: What ``region_heads.prediction.load`` returns.
        asked: The questions.
        images: Where pictures may come from; default: base64, and any path of this machine.
        limits: What a question and the request may cost.
        depth_scale: Metres for one unit of a depth image.
        without_depth: As if each question allowed it.
    """
    (replies,) = ask_together(
        model, [asked], images=images, limits=limits, depth_scale=depth_scale, without_depth=without_depth
    )
    return replies


def ask_together(
    model: LoadedModel,
    requests: Sequence[Sequence[RegionQuestion]],
    *,
    images: Images | None = None,
    limits: Limits | None = None,
    depth_scale: float = 0.001,
    without_depth: bool = False,
    wanted: Callable[[int], bool] = lambda _request: True,
) -> list[list[Answer | Refusal]]:
    """Answers several requests as :func:`ask` does, and lets them share passes.

    Args:
        wanted: Whether the request of that number still waits for its answers; looked at before each of its questions
            is checked and before each pass. Of one that does not, what was not answered before is missing.
    """
    images, limits = images or Images(), limits or Limits()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pictures = PictureFolder(folder, depth_scale)
        replies: dict[tuple[int, int], Answer | Refusal] = {}
        checked: list[tuple[tuple[int, int], CheckedQuestion]] = []
        for number, asked in enumerate(requests):
            request = Request(pictures, images, limits, router=lambda: model.router)
            for place, one in enumerate(asked):
                if wanted(number):
                    try:
                        checked.append(((number, place), _checked(model, one, request, without_depth)))
                    except Refusal as refusal:
                        replies[number, place] = refusal
        checked.sort(key=lambda one: one[1].picture.name)
        for start in range(0, len(checked), _AT_ONCE):
            part = [one for one in checked[start : start + _AT_ONCE] if wanted(one[0][0])]
            if part:
                rows = [_row(number, one, pictures) for number, (_, one) in enumerate(part)]
                table = pa.Table.from_pylist(rows, schema=_ROWS)
                # Whether depth may lack was checked for each.
                answers = predict(model, table, folder, depth_scale=depth_scale, without_depth=True).to_pylist()
                replies |= {key: _answer(answer, one) for answer, (key, one) in zip(answers, part, strict=True)}
    return [
        [replies[number, place] for place in range(len(asked)) if (number, place) in replies]
        for number, asked in enumerate(requests)
    ]


_AT_ONCE = 32  # questions in a pass: enough for a GPU, and what is no longer wanted is dropped soon


_ROWS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("image", pa.string()),
        pa.field("depth", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("field_of_view", pa.float64()),
        pa.field("question", pa.string()),
        pa.field("rle", pa.list_(pa.string())),
        pa.field("task", pa.string()),
    ]
)


def _checked(model: LoadedModel, asked: RegionQuestion, request: Request, without_depth: bool) -> CheckedQuestion:
    checked = request.check(asked)
    trained = model.network.config.depth_share
    missing = None if without_depth or asked.without_depth else lacking(trained, float(checked.depth is not None))
    if missing is not None:
        raise Refusal("depth", "depth", missing, "none", "send one, or allow its absence by without_depth")
    if trained == 0:
        checked = replace(checked, depth=None)  # such a model would take it for noise
    heads = list(model.network.region_heads.heads)
    if model.network.answers_in_text or checked.task.name in heads:
        return checked
    expected = f"a question that this model has a head for ({', '.join(heads)})"
    raise Refusal("task", "question", expected, checked.task.name, "ask another model")


def _row(number: int, checked: CheckedQuestion, pictures: PictureFolder) -> dict[str, Any]:
    return {
        "id": str(number),
        "image": pictures.joined(checked.picture, checked.depth),
        "depth": None if checked.depth is None else checked.depth.name,
        "width": checked.picture.width,
        "height": checked.picture.height,
        "field_of_view": checked.field_of_view,
        "question": checked.question,
        "rle": checked.rle,
        "task": checked.task.name,
    }


def _answer(row: dict[str, Any], checked: CheckedQuestion) -> Answer:
    task, answer = Task.of(row["task"]), json.loads(row["prediction"])
    return Answer(
        answer=str(answer) if task.names_region else answer,
        unit=task.unit,
        sentence=task.said(answer),
        task=task.name,
        routing=round(checked.routing, 4),
        confidence=round(float(row["confidence"]), 4),
        regions=_used(row["answer_weights"]),
        anchors=_used(row["anchor_weights"]),
    )


def _used(weights: list[float]) -> list[int]:
    return [region for region, weight in enumerate(weights) if weight >= 0.5]
