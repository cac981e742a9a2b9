"""COCO: pictures with annotations, whose boxes are x, y, width and height by definition; questions lie beside.

Form: ``cocodataset.org/#format-data``, object detection (2014 to 2017).

Where annotations carry their question, as those of ``labelling/answers.py`` do, none need to lie beside. The attributes
of an annotation are an object ``attributes``, as CVAT writes them, or stand beside its other fields, as FiftyOne does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from region_heads.errors import RegionHeadsError
from region_heads.formats.problem import Problem, shown
from region_heads.formats.reading import in_words, open_text
from region_heads.labelling import shapes
from region_heads.labelling.choices import NamedBoxes
from region_heads.labelling.entry import Entry, FieldError, Options, Record, expect, read_entry
from region_heads.labelling.marked import Marked, ask
from region_heads.labelling.splits import split_of
from region_heads.labelling.table import parsed_answer

ASKED = ("question", "category", "answer", "freeform_answer", "field_of_view", "extra")
"""Attributes of an annotation: what is asked about its region, and others."""


@dataclass
class _Question:
    """A question that annotations carry: the attributes of each, with its region."""

    picture: Marked
    parts: list[tuple[dict[str, Any], shapes.Region | FieldError]]


_Carried = dict[tuple[str, str, str], _Question]
"""By file, picture and id."""


def read(paths: Sequence[Path], options: Options) -> Iterator[Entry]:
    """The questions beside ``paths`` about what it marks; regions are called by the annotation's id, or by its category
    where that stands once in the picture. Pictures of one name are one, over all files of a split.

    Raises:
        RegionHeadsError: It is not COCO, or there are no questions.
    """
    pictures: dict[tuple[str, str], Marked] = {}
    carried: _Carried = {}
    for path in paths:
        yield from _add(path, pictures, carried)
    for (file, _, identity), question in carried.items():
        original, where = [about for about, _ in question.parts], f"{Path(file).name}, question {identity}"
        yield read_entry(where, original, partial(_record, identity, question), question.picture.split)
    if options.questions or not carried:
        yield from ask(paths, list(pictures.values()), options)


def _record(identity: str, question: _Question) -> Record:
    first, regions = question.parts[0][0], dict[int, shapes.Region]()
    for about, region in question.parts:
        for name in ASKED:
            if about.get(name) != first.get(name):
                found = f"found {shown(first.get(name))} and {shown(about.get(name))}"
                expected, advice = "the same in all annotations of a question", "correct it in each of them"
                raise FieldError(f"attributes.{name}", f"expected {expected}, {found}", advice)
        if isinstance(region, FieldError):
            raise region
        number = expect(parsed_answer(about["region"]), int, "attributes.region", "the number of a region, from 0")
        if regions.setdefault(number, region) != region:
            expected, advice = "one annotation of each region", "join their masks, or delete one"
            raise FieldError("attributes.region", f"expected {expected}, found another one of region {number}", advice)
    said = {name: first[name] for name in ASKED if first.get(name) is not None}
    said |= {"answer": parsed_answer(said["answer"])} if "answer" in said else {}
    extra: Record = expect(said.pop("extra", {}), dict, "attributes.extra", "an object")
    placed = [regions[number] for number in sorted(regions)]
    return extra | {"id": identity, "image": question.picture.names[0], **said, "regions": placed}


def _add(path: Path, known: dict[tuple[str, str], Marked], carried: _Carried) -> Iterator[Entry]:
    """Adds what a file marks, and yields what cannot be read; captions and what else marks nothing are passed over."""
    content = _content(path)
    categories = content.get("categories")
    listed = categories if isinstance(categories, list) else []
    kinds = {str(one.get("id")): str(one.get("name")) for one in listed if isinstance(one, dict)}
    pictures: dict[str, Marked] = {}
    sizes: dict[str, tuple[Any, Any]] = {}
    for number, image in enumerate(content["images"]):
        if not isinstance(image, dict) or "id" not in image or not isinstance(image.get("file_name"), str):
            problem = Problem("export", f"images.{number}", "id and file_name", shown(image), "export it again")
            yield Entry(path.name, image, problems=[problem])
            continue
        name, called, split = image["file_name"], str(image["id"]), split_of(path)
        named = pictures[called] = known.setdefault((split, name), Marked([name], split=split))
        if called not in named.names[1:]:
            named.names.append(called)
        sizes[called] = image.get("height"), image.get("width")
    for number, one in enumerate(content["annotations"]):
        picture = pictures.get(str(one.get("image_id"))) if isinstance(one, dict) else None
        if picture is None:
            expected, advice = "the image_id of one of its images", "export images and annotations together"
            problem = Problem("export", f"annotations.{number}", expected, shown(one), advice)
            yield Entry(path.name, one, problems=[problem])
            continue
        if not {"bbox", "segmentation"} & one.keys():
            continue
        names = {str(one.get("id")), kinds.get(str(one.get("category_id")), "")} - {""}
        region = _region(f"{path.name}, annotations.{number}", one, sizes[str(one["image_id"])])
        attributes = one.get("attributes")
        about = one | (attributes if isinstance(attributes, dict) else {})
        if {"question", "question_id", "region"} <= about.keys():
            key = str(path), picture.names[0], str(about["question_id"])
            carried.setdefault(key, _Question(picture, [])).parts.append((about, region))
        if (names, region) not in picture.regions:  # as the persons of COCO's keypoints, which its instances hold, too
            picture.regions.append((names, region))


def _content(path: Path) -> dict[str, Any]:
    with in_words(path), path.open("rb") as file:
        try:
            content = json.load(open_text(file))
        except (ValueError, RecursionError) as error:
            raise RegionHeadsError(f"{path}: not readable as JSON: {error}; export it again") from None
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in ("images", "annotations")):
        raise RegionHeadsError(f"{path}: expected COCO's lists images and annotations, found none; is --from right?")
    return content


def _region(where: str, annotation: dict[str, Any], size: tuple[Any, Any]) -> shapes.Region | FieldError:
    """What is marked most exactly: the segmentation, else the box."""
    try:
        segmentation = annotation.get("segmentation")
        if not segmentation:
            numbers = expect(annotation.get("bbox"), list, f"{where}.bbox", "a box or a segmentation")
            return shapes.box(numbers, NamedBoxes.SIDES, (0, 0))
        if isinstance(segmentation, dict):
            return shapes.run_lengths(segmentation)
        return shapes.polygon(segmentation, size)
    except FieldError as error:
        return error
    except ValueError as error:
        return FieldError(where, error, "correct the annotation")
