"""Label Studio: its JSON export, whose tasks hold data, annotations and predictions; numbers are percents.

A task whose data has a ``question`` asks it, about the regions that are drawn: in the order of labels as ``Region 0``,
else as they were drawn. Its answer is the choice, the number or the text that was entered. Tasks without a question are
pictures whose regions the questions beside name by label or id. Form: labelstud.io, "Label Studio JSON format of
annotated tasks" (1.x).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from region_heads.formats.problem import Problem, shown
from region_heads.formats.reading import RecordFile
from region_heads.ingest.download import PICTURES
from region_heads.labelling import brush, shapes
from region_heads.labelling.choices import NamedBoxes
from region_heads.labelling.entry import Entry, FieldError, Options, Record, expect, read_entry
from region_heads.labelling.marked import Marked, ask
from region_heads.labelling.splits import split_of
from region_heads.labelling.table import parsed_answer
from region_heads.rle import check_size
from region_heads.tasks.numbers import as_number

_NUMBERED = re.compile(r"region[ _-]?(\d+)", re.IGNORECASE)
_NO_REGION = {"choices": "choices", "number": "number", "rating": "rating", "textarea": "text"}
_PICTURE = ("image", "img", "photo", "picture")


def read(paths: Sequence[Path], options: Options) -> Iterator[Entry]:
    """The questions of its tasks, or those beside it about the pictures of its tasks.

    Raises:
        RegionHeadsError: There are tasks without a question, and no questions beside.
    """
    pictures: list[Marked] = []
    for path, raw in ((file, raw) for file in paths for raw in RecordFile(file)):
        where, task = f"{path.name}, task {raw.number}", raw.content
        if raw.problem is not None:
            yield Entry(where, raw.text, problems=[raw.problem])
            continue
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            advice = "export as JSON, not as JSON-MIN"
            problem = Problem("export", "", "data and annotations", shown(task), advice)
            yield Entry(where, task, problems=[problem])
            continue
        if {"question", "record"} & task["data"].keys():
            entry = read_entry(where, task, partial(_question, task, options), split_of(path))
            yield replace(entry, annotated=bool(entry.problems or _done(task)))
        else:
            try:
                pictures.append(_marked(task, split_of(path), options))
            except FieldError as error:
                yield Entry(where, task, problems=[error.problem])
    if pictures or options.questions:
        yield from ask(paths, pictures, options)


def _marked(task: Mapping[str, Any], split: str, options: Options) -> Marked:
    image = task["data"][_image_key(task["data"])]
    results, annotated = _results(task)
    drawn = [one for one in results if one["type"] not in _NO_REGION]
    picture = Marked([image, str(task.get("id"))], split=split, annotated=annotated or not drawn)
    for number, one in enumerate(drawn):
        names = {str(number), str(one.get("id")), _label(one)} - {""}
        try:
            region: shapes.Region | FieldError = _region(f"result.{number}", one, partial(options.size_of, image))
        except FieldError as error:
            region = error
        picture.regions.append((names, region))
    return picture


def _question(task: Mapping[str, Any], options: Options) -> Record:
    data = task["data"]
    given = _given(data)
    results, annotated = _results(task)
    drawn = [(number, one) for number, one in enumerate(results) if one["type"] not in _NO_REGION]
    places = [_NUMBERED.fullmatch(_label(one)) for _, one in drawn]
    if drawn and all(places):
        order = [int(place[1]) for place in places if place]
        if sorted(order) != list(range(len(order))):
            raise FieldError(
                "result", f"expected one of each Region 0 to {len(order) - 1}, found {order}", "label them so"
            )
        drawn = [one for _, one in sorted(zip(order, drawn, strict=True), key=lambda pair: pair[0])]
    record: Record = {"id": str(task.get("id", ""))} | given
    size_of = partial(options.size_of, expect(record.get("image"), str, "image", "the name of a picture"))
    record["regions"] = [_region(f"result.{number}", one, size_of) for number, one in drawn]
    answer = _answer(results) if annotated else given.get("answer")
    if not _same(answer, given.get("answer")):
        record = {name: value for name, value in record.items() if name not in ("answer", "freeform_answer")}
        record |= {} if answer is None else {"answer": answer}
    return record


def _given(data: Mapping[str, Any]) -> Record:
    """What a task says of its question: the record that `region-heads review` wrote, or its fields."""
    if isinstance(data.get("record"), dict):
        return dict(data["record"])
    key = _image_key(data)
    fields = {name: value for name, value in data.items() if value is not None and name != key}
    return fields | {"image": data[key]}


def _same(answer: Any, given: Any) -> bool:
    """Whether two answers say the same: 2 and 2.0 metres, region 1 as a number and as text."""
    numbers = as_number(answer), as_number(given)
    return numbers[0] == numbers[1] if None not in numbers else bool(answer == given)


def _image_key(data: Mapping[str, Any]) -> str:
    named = [name for name in _PICTURE if isinstance(data.get(name), str)]
    others = [
        name for name, value in data.items()
        if isinstance(value, str) and PurePosixPath(value).suffix.lower() in PICTURES
    ]  # fmt: skip
    if not (named or others):
        raise FieldError("data", f"expected the address of a picture, found {shown(dict(data))}", "call it image")
    return (named or others)[0]


def _results(task: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """What was drawn and entered, and whether a person did: else it is what a model proposes, which is no label.

    Raises:
        FieldError: Several people answered, and not the same.
    """
    predictions = expect(task.get("predictions") or [], list, "predictions", "a list")
    found = [_listed(one, f"annotations.{number}") for number, one in enumerate(_done(task))]
    if found:
        contents = [[(one["type"], one["value"]) for one in results] for results in found]
        if any(one != contents[0] for one in contents):
            raise FieldError(
                "annotations", f"expected one annotation, or several that agree, found {len(found)} that differ",
                "mark the one that holds as ground truth",
            )  # fmt: skip
        return found[0], True
    proposed = [_listed(one, "predictions.0") for one in predictions[:1]]
    return (proposed[0] if proposed else []), False


def _done(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What people submitted, and did not skip: the ground truth, where one is marked as such."""
    annotations = expect(task.get("annotations") or [], list, "annotations", "a list")
    done = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    return [one for one in done if one.get("ground_truth")] or done


def _listed(annotation: Any, where: str) -> list[dict[str, Any]]:
    results = expect(annotation.get("result") if isinstance(annotation, dict) else None, list, where, "a result")
    for number, one in enumerate(results):
        if not isinstance(one, dict) or not isinstance(one.get("type"), str) or not isinstance(one.get("value"), dict):
            raise FieldError(
                f"{where}.result.{number}", f"expected type and value, found {shown(one)}", "export it again"
            )
    return list(results)


def _label(result: Mapping[str, Any]) -> str:
    labels = result["value"].get(result["type"]) or result["value"].get("labels") or [""]
    return str(labels[0]) if isinstance(labels, list) else ""


def _answer(results: list[dict[str, Any]]) -> Any:
    entered = [
        (str(one.get("from_name")), value)
        for one in results
        if (key := _NO_REGION.get(one["type"])) and (value := one["value"].get(key)) not in (None, [], "")
    ]
    given = [one for number, one in enumerate(entered) if one not in entered[:number]]
    if len(given) > 1:
        found = ", ".join(f"{name}: {shown(value)}" for name, value in given)
        raise FieldError("result", f"expected one answer, found {found}", "take all but one off")
    answer = given[0][1] if given else None
    if isinstance(answer, list):
        if len(answer) != 1:
            raise FieldError("result", f"expected one answer, found {shown(answer)}", "take all but one off")
        answer = answer[0]
    place = _NUMBERED.fullmatch(answer) if isinstance(answer, str) else None
    return place[1] if place else parsed_answer(answer)


def _region(where: str, result: Mapping[str, Any], size_of: Callable[[], tuple[int, int]]) -> shapes.Region:
    try:
        return _drawn(result, size_of)
    except FieldError:
        raise
    except (ValueError, TypeError) as error:
        said = str(error) if str(error).startswith("expected") else f"expected numbers, found {shown(result['value'])}"
        advice = "draw it as a rectangle, a polygon or with the brush, on the picture as it is"
        raise FieldError(where, said, advice) from None


def _drawn(result: Mapping[str, Any], size_of: Callable[[], tuple[int, int]]) -> shapes.Region:
    value, kind = result["value"], result["type"]
    shown_size = check_size([result.get("original_height"), result.get("original_width")])
    height, width = _true_size(shown_size, size_of()) if "rle" not in value else shown_size
    if result.get("image_rotation"):
        raise ValueError(f"expected a picture that is not turned, found a rotation of {result['image_rotation']}")
    if "rle" in value:
        if value.get("format", "rle") != "rle":
            raise ValueError(f"expected the format rle, found {shown(value['format'])}")
        return shapes.mask(brush.decode(value["rle"], height=height, width=width))
    if "points" in value and "polygon" in kind:
        ring = np.array(value["points"], float) / 100 * (width, height)
        return shapes.polygon([ring.ravel().tolist()], (height, width))
    if all(name in value for name in ("x", "y", "width", "height")):
        box = [value[name] for name in ("x", "y", "width", "height")]
        if not value.get("rotation"):
            return shapes.box(box, NamedBoxes.SIDES_PERCENT, (height, width))
        return shapes.polygon([_turned(box, float(value["rotation"]), height, width)], (height, width))
    raise ValueError(f"expected a rectangle, a polygon or a brushed mask, found {shown(kind)}")


def _true_size(drawn_on: tuple[int, int], picture: tuple[int, int]) -> tuple[int, int]:
    """The size of the picture, where what it was drawn on is that picture, perhaps smaller or larger.

    Raises:
        ValueError: The two have other proportions.
    """
    (height, width), (tall, wide) = drawn_on, picture
    if abs(height * wide - width * tall) > max(tall, wide, height, width):  # a pixel of rounding
        raise ValueError(
            f"expected the picture that it was drawn on, of {width} x {height}, found one of {wide} x {tall}"
        )
    return picture


def _turned(box: list[float], degrees: float, height: int, width: int) -> list[float]:
    """The corners of a box that is turned clockwise about its left top corner, in pixels."""
    left, top, wide, high = (part / 100 * side for part, side in zip(box, (width, height) * 2, strict=True))
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    corners = ((0, 0), (wide, 0), (wide, high), (0, high))
    return [value for x, y in corners for value in (float(left + x * cos - y * sin), float(top + x * sin + y * cos))]
