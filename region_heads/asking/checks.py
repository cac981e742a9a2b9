"""What was asked, and everything that can be wrong with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from region_heads.asking.pictures import Album, Images, Picture
from region_heads.asking.refusal import Refusal
from region_heads.formats.checks import told
from region_heads.formats.problem import shown
from region_heads.markers import without_markers
from region_heads.opener import depth_problem, size_advice
from region_heads.records import MASK_TOKEN
from region_heads.rle import box_counts, check_rle
from region_heads.tagging.grammar import UNKNOWN, tag
from region_heads.tasks import TASKS, Task


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question as it came; nothing about it is taken for granted, not even its types.

    Attributes:
        question: Text with a ``<mask>`` for each region; the prefix ``<image>`` may stand before it.
        image: The picture: bytes, base64, or a path.
        regions: For each ``<mask>`` a COCO compressed RLE of the picture's size (the counts as text, or the object
            with ``size`` and ``counts``), or a box ``[left, top, right, bottom]`` in pixels.
        depth: Its depth image, likewise; None where there is none.
        task: Its task or category; None lets the words decide.
        without_depth: Answer without depth also what a model was trained to answer with it.
    """

    question: Any
    image: Any
    regions: Any
    depth: Any = None
    task: Any = None
    without_depth: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large a question may be.

    Attributes:
        pixels: Of a picture.
        regions: Of a question.
        measured: Pixels of all regions of a question together, where there is a depth image: measuring one costs about
            half a microsecond, so that the default is some five seconds.
        characters: Of a question's text.
    """

    pixels: int = 40_000_000
    regions: int = 64
    measured: int = 10_000_000
    characters: int = 2_000


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A question without problems.

    Attributes:
        question: Without the prefix.
        rle: COCO compressed counts of each region, at the picture's size.
        routing: How sure the router is of ``task``; 1 where the question came with it.
    """

    question: str
    picture: Picture
    depth: Picture | None
    rle: list[str]
    task: Task
    routing: float


def check(asked: Asked, album: Album, images: Images, limits: Limits) -> Sound:
    """The question in a form that a model can be given.

    Raises:
        Refusal: With the first thing that is wrong with it.
    """
    question = _question(asked.question, limits)
    picture = album.add("image", images.content("image", asked.image))
    depth = None if asked.depth in (None, "") else album.add("depth", images.content("depth", asked.depth))
    misfit = None if depth is None else depth_problem(picture, depth)
    if misfit is not None:
        raise Refusal(misfit.check, "depth", *misfit.told)
    rle = _regions(asked.regions, question.count(MASK_TOKEN), picture, limits)
    if depth is not None:
        _check_cost(rle, picture, limits)
    task, routing = _task(asked.task, question)
    return Sound(question=question, picture=picture, depth=depth, rle=rle, task=task, routing=routing)


def _question(text: object, limits: Limits) -> str:
    if not isinstance(text, str) or not text.strip():
        raise Refusal("schema", "question", "text", shown(text), "write the question")
    if len(text) > limits.characters:
        expected, found = f"at most {limits.characters} characters", f"{len(text)} characters"
        raise Refusal("limit", "question", expected, found, "ask in fewer words")
    try:
        question = without_markers(text)
    except ValueError as error:
        raise Refusal.of(told("markers", "question", error, "take it off; the picture is sent beside")) from None
    if question.encode("utf-8", "ignore").decode() != question:
        raise Refusal("encoding", "question", "text in valid Unicode", shown(question), "send it in UTF-8")
    return question


def _regions(regions: object, wanted: int, picture: Picture, limits: Limits) -> list[str]:
    if not isinstance(regions, Sequence) or isinstance(regions, str | bytes):
        advice = "send a list with a mask or a box for each <mask>"
        raise Refusal("schema", "regions", "a list", shown(regions), advice)
    if len(regions) > limits.regions:
        raise Refusal("limit", "regions", f"at most {limits.regions}", str(len(regions)), "ask about fewer")
    if wanted == 0:
        advice = f"mark what is asked about by {MASK_TOKEN} in the question"
        raise Refusal("mask_count", "question", f"a {MASK_TOKEN} for each region", "none", advice)
    if len(regions) != wanted:
        expected = f"one for each of the {wanted} {MASK_TOKEN} of the question"
        advice = "add or remove regions or placeholders"
        raise Refusal("mask_count", "regions", expected, str(len(regions)), advice)
    return [_counts(f"regions.{number}", region, picture) for number, region in enumerate(regions)]


def _check_cost(rle: Sequence[str], picture: Picture, limits: Limits) -> None:
    pixels = sum(check_rle([picture.height, picture.width], counts) for counts in rle)
    if pixels > limits.measured:
        expected = f"at most {limits.measured:,} pixels in all regions together, where there is a depth image"
        raise Refusal("limit", "regions", expected, f"{pixels:,}", "mark less, or send a smaller picture")


def _counts(field: str, region: object, picture: Picture) -> str:
    """COCO compressed counts of a mask or a box."""
    size: object = [picture.height, picture.width]
    if isinstance(region, Sequence) and not isinstance(region, str | bytes):
        return _box(field, region, picture)
    if isinstance(region, dict):
        if region.get("size") != size:
            expected, found = f"{size}, as the picture{picture.turning}", shown(region.get("size"))
            raise Refusal("rle", f"{field}.size", expected, found, size_advice(picture, region.get("size")))
        region = region.get("counts")
    try:
        check_rle(size, region)
    except ValueError as error:
        advice = "write the mask with pycocotools.mask.encode, or send a box"
        raise Refusal.of(told("rle", field, error, advice)) from None
    return str(region)


def _box(field: str, box: Sequence[Any], picture: Picture) -> str:
    numbers = [side for side in box if isinstance(side, int | float) and not isinstance(side, bool)]
    if len(box) != 4 or len(numbers) != 4 or not all(map(_finite, numbers)):
        expected = "a box of four numbers [left, top, right, bottom]"
        raise Refusal("box", field, expected, shown(box), "send pixels of the picture, or a mask")
    left, top, right, bottom = map(float, numbers)
    try:
        return box_counts((left, top, right, bottom), height=picture.height, width=picture.width)
    except ValueError as error:
        raise Refusal.of(told("box", field, error, "send pixels of the picture")) from None


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _task(task: object, question: str) -> tuple[Task, float]:
    """The task, and how sure the router is of it."""
    if task in (None, ""):
        found = tag(question)
        if found.task == UNKNOWN:
            words = f"words of which none is told ({found.confidence:.0%} sure of the best guess)"
            advice = "name the task, or reword the question"
            raise Refusal("task", "question", "one of the tasks to be read from it", words, advice)
        return Task.of(found.task), found.confidence
    try:
        return Task.of(str(task)), 1.0
    except KeyError:
        known = ", ".join(known.name for known in TASKS)
        raise Refusal("task", "task", f"one of {known}", shown(task), "correct it, or leave it out") from None
