"""What was asked, and everything that can be wrong with it."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from region_heads.asking.pictures import Images, Picture, PictureFolder
from region_heads.asking.refusal import Refusal
from region_heads.formats.checks import problem_of
from region_heads.formats.lens import given_field_of_view
from region_heads.formats.problem import Problem, shown
from region_heads.markers import without_markers
from region_heads.masks import spans
from region_heads.picture_file import Kind, depth_problem, size_advice
from region_heads.records import MASK_TOKEN
from region_heads.rle import box_counts, check_rle
from region_heads.tagging.classifier import UNKNOWN, WordingClassifier
from region_heads.tagging.router import tag
from region_heads.tasks import TASKS, Task


@dataclass(frozen=True, kw_only=True)
class RegionQuestion:
    """One question as it came; nothing about it is taken for granted, not even its types.

    Attributes:
        question: Text with a ``<mask>`` for each region; the prefix ``<image>`` may stand before it.
        image: The picture: bytes, base64, or a path.
        regions: For each ``<mask>`` a COCO compressed RLE of the picture's size (the counts as text, or the object
            with ``size`` and ``counts``), or a box in pixels: ``[left, top, right, bottom]``, or an object with
            ``xyxy`` or ``xywh``.
        depth: Its depth image, likewise; None where there is none.
        task: Its task or category; None lets the words decide.
        field_of_view, intrinsics: Of its camera (``region_heads.formats.lens``); None where unknown.
        without_depth: Answer without depth also what a model was trained to answer with it.
    """

    question: Any
    image: Any
    regions: Any
    depth: Any = None
    task: Any = None
    field_of_view: Any = None
    intrinsics: Any = None
    without_depth: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a request may cost; the defaults are some twenty seconds of work.

    Attributes:
        pixels: Of a picture or a depth image.
        all_pixels: Of all of a request together, however often each comes.
        regions: Of a question.
        characters: Of a question's text.
        spans: Columns of pixels in all regions of a request, each as often as a region is cut there; one takes about
            ten microseconds.
        measured: Pixels of all regions of a request for which there is a depth image; one takes half a microsecond.
    """

    pixels: int = 40_000_000
    all_pixels: int = 160_000_000
    regions: int = 64
    characters: int = 2_000
    spans: int = 1_000_000
    measured: int = 20_000_000


@dataclass(frozen=True, kw_only=True)
class CheckedQuestion:
    """A question without problems.

    Attributes:
        question: Without the prefix.
        field_of_view: Degrees across the picture's width; None where nothing is known of the lens.
        rle: COCO compressed counts of each region, at the picture's size.
        routing: How sure the router is of ``task``; 1 where the question came with it.
    """

    question: str
    picture: Picture
    depth: Picture | None
    field_of_view: float | None
    rle: list[str]
    task: Task
    routing: float


class Request:
    """One request while its questions are checked: each picture is taken once, and what they cost is added up.

    Args:
        pictures: Takes the pictures.
        images: Where they may come from.
        limits: What may be asked.
        router: Gives what reads the task of a question that comes without one; called where there is such a question.
    """

    def __init__(
        self, pictures: PictureFolder, images: Images, limits: Limits, *, router: Callable[[], WordingClassifier]
    ) -> None:
        self._folder, self._images, self._limits, self._router = pictures, images, limits, router
        self._pictures: dict[tuple[str, object], Picture | Refusal] = {}
        self._spent: Counter[str] = Counter()

    def check(self, asked: RegionQuestion) -> CheckedQuestion:
        """The question in a form that a model can be given.

        Raises:
            Refusal: With the first thing that is wrong with it.
        """
        question = self._question(asked.question)
        regions = self._listed(asked.regions, question.count(MASK_TOKEN))
        picture = self._picture("image", asked.image)
        depth = None if asked.depth in (None, "") else self._picture("depth", asked.depth)
        misfit = None if depth is None else depth_problem(picture, depth)
        if misfit is not None:
            raise Refusal(misfit.check, "depth", *misfit.details)
        lens = given_field_of_view(asked.field_of_view, asked.intrinsics, height=picture.height, width=picture.width)
        if isinstance(lens, Problem):
            raise Refusal.of(lens)
        if lens is None and depth is not None and depth.lens is not None and depth.lens.sure:
            lens = depth.lens.degrees
        rle = self._regions(regions, picture, measured=depth is not None)
        task, routing = _task(asked.task, question, self._router)
        return CheckedQuestion(
            question=question, picture=picture, depth=depth, field_of_view=lens, rle=rle, task=task, routing=routing
        )

    def _spend(self, what: str, amount: int, words: str) -> None:
        self._spent[what] += amount
        words = f"{words} in all regions of a request"
        advice = "mark less, send smaller pictures, or several requests"
        _bound("regions", self._spent[what], getattr(self._limits, what), words, advice)

    def _question(self, text: object) -> str:
        if not isinstance(text, str) or not text.strip():
            raise Refusal("schema", "question", "text", shown(text), "write the question")
        _bound("question", len(text), self._limits.characters, "characters", "ask in fewer words")
        try:
            question = without_markers(text)
        except ValueError as error:
            raise Refusal.of(
                problem_of("markers", "question", error, "take it off; the picture is sent beside")
            ) from None
        if question.encode("utf-8", "ignore").decode() != question:
            raise Refusal("encoding", "question", "text in valid Unicode", shown(question), "send it in UTF-8")
        return question

    def _picture(self, kind: Kind, value: object) -> Picture:
        """A picture, decoded once however often the request gives it."""
        key = (kind, value if isinstance(value, str | bytes) else id(value))
        if key not in self._pictures:
            left = self._limits.all_pixels - self._spent["all_pixels"]
            try:
                content = self._images.content(kind, value)
                found = self._folder.add(kind, content, max_pixels=min(self._limits.pixels, left))
                self._spent["all_pixels"] += found.width * found.height
                self._pictures[key] = found
            except Refusal as refusal:
                if left < self._limits.pixels:
                    advice = f"{refusal.problem.advice}; of the pixels of a request {left:,} are left"
                    refusal = Refusal.of(replace(refusal.problem, advice=advice))
                self._pictures[key] = refusal
        known = self._pictures[key]
        if isinstance(known, Refusal):
            raise known
        return known

    def _listed(self, regions: object, wanted: int) -> Sequence[Any]:
        if not isinstance(regions, Sequence) or isinstance(regions, str | bytes):
            advice = "send a list with a mask or a box for each <mask>"
            raise Refusal("schema", "regions", "a list", shown(regions), advice)
        _bound("regions", len(regions), self._limits.regions, "", "ask about fewer")
        if wanted == 0:
            advice = f"mark what is asked about by {MASK_TOKEN} in the question"
            raise Refusal("mask_count", "question", f"a {MASK_TOKEN} for each region", "none", advice)
        if len(regions) != wanted:
            expected = f"one for each of the {wanted} {MASK_TOKEN} of the question"
            advice = "add or remove regions or placeholders"
            raise Refusal("mask_count", "regions", expected, str(len(regions)), advice)
        return regions

    def _regions(self, regions: Sequence[Any], picture: Picture, *, measured: bool) -> list[str]:
        rle = []
        for number, given in enumerate(regions):
            counts = _counts(f"regions.{number}", given, picture)
            region = spans(counts, height=picture.height, width=picture.width)
            self._spend("spans", len(region.column), "columns of pixels")
            if measured:
                self._spend("measured", int(region.area), "pixels with a depth image")
            rle.append(counts)
        return rle


def _bound(field: str, amount: int, most: int, words: str, advice: str) -> None:
    if amount > most:
        raise Refusal("limit", field, f"at most {most:,} {words}".rstrip(), f"{amount:,}", advice)


def _counts(field: str, region: object, picture: Picture) -> str:
    """COCO compressed counts of a mask or a box."""
    size: object = [picture.height, picture.width]
    if isinstance(region, Sequence) and not isinstance(region, str | bytes):
        return _box(field, region, picture)
    if isinstance(region, dict) and "xyxy" in region:
        return _box(field, region["xyxy"], picture)
    if isinstance(region, dict) and "xywh" in region:
        return _box(field, _edges(region["xywh"]), picture)
    if isinstance(region, dict):
        if region.get("size") != size:
            expected, found = f"{size}, as the picture{picture.turning}", shown(region.get("size"))
            raise Refusal("rle", f"{field}.size", expected, found, size_advice(picture, region.get("size")))
        region = region.get("counts")
    try:
        check_rle(size, region)
    except ValueError as error:
        advice = "write the mask with pycocotools.mask.encode, or send a box"
        raise Refusal.of(problem_of("rle", field, error, advice)) from None
    return str(region)


def _edges(sides: object) -> object:
    """Left, top, right and bottom of left, top, width and height; what is no such box stays as it is."""
    if len(numbers := _numbers(sides)) != 4:
        return sides
    left, top, width, height = numbers
    return [left, top, round(left + width, 4), round(top + height, 4)]


def _numbers(box: object) -> list[float]:
    """The finite numbers of a box; of what is no list none."""
    listed = box if isinstance(box, Sequence) and not isinstance(box, str | bytes) else []
    numbers = [side for side in listed if isinstance(side, int | float) and not isinstance(side, bool)]
    return [float(side) for side in numbers if _finite(side)] if len(numbers) == len(listed) else []


def _box(field: str, box: object, picture: Picture) -> str:
    if len(numbers := _numbers(box)) != 4:
        expected = "a box of four numbers [left, top, right, bottom]"
        raise Refusal("box", field, expected, shown(box), "send pixels of the picture, or a mask")
    left, top, right, bottom = map(float, numbers)
    try:
        return box_counts((left, top, right, bottom), height=picture.height, width=picture.width)
    except ValueError as error:
        raise Refusal.of(problem_of("box", field, error, "send pixels of the picture")) from None


def _finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond every float
        return False


def _task(task: object, question: str, router: Callable[[], WordingClassifier]) -> tuple[Task, float]:
    """The task, and how sure the router is of it."""
    if task in (None, ""):
        found = tag(question, classifier=router())
        if found.task == UNKNOWN:
            words = f"no words that name its task (best guess {found.confidence:.0%})"
            advice = "name the task, or reword the question"
            raise Refusal("task", "question", "one of the tasks to be read from it", words, advice)
        return Task.of(found.task), found.confidence
    try:
        return Task.of(str(task)), 1.0
    except KeyError:
        known = ", ".join(known.name for known in TASKS)
        raise Refusal("task", "task", f"one of {known}", shown(task), "correct it, or leave it out") from None
