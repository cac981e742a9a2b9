"""CVAT: "CVAT for images 1.1", an XML file with boxes, polygons, masks, and tags that may ask questions.

A tag called ``question`` asks, by its attributes ``question``, ``regions`` (places or names of shapes; all without it),
``answer`` and ``category``. Form: docs.cvat.ai, "XML annotation format", version 1.1 (CVAT 2.x).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from region_heads.errors import RegionHeadsError
from region_heads.formats.reading import in_words
from region_heads.labelling import shapes
from region_heads.labelling.choices import NamedBoxes
from region_heads.labelling.entry import Entry, FieldError, Options, read_entry
from region_heads.labelling.marked import Marked, ask
from region_heads.labelling.splits import split_of
from region_heads.labelling.table import parsed_answer
from region_heads.rle import check_size

_SHAPES = ("box", "polygon", "mask", "ellipse", "polyline", "points", "cuboid", "skeleton")


def read(paths: Sequence[Path], options: Options) -> Iterator[Entry]:
    """The questions of its tags, and those of ``options.questions``; those beside it where there are neither.

    A shape is called by its place in the picture, from 0, by its attribute ``name``, and by its label where that stands
    once in the picture.

    Raises:
        RegionHeadsError: It is not this form.
    """
    pictures, asked = [], 0
    for path, image in ((file, image) for file in paths for image in _images(file)):
        picture = _marked(image, split_of(path))
        pictures.append(picture)
        for number, tag in enumerate(one for one in image.iter("tag") if one.get("label") == "question"):
            asked += 1
            given = _attributes(tag)
            where = f"{path.name}, image {picture.names[0]!r}, question {number}"
            yield read_entry(where, given, partial(_record, given, picture), picture.split)
    if options.questions or not asked:
        yield from ask(paths, pictures, options)


def _images(path: Path) -> Iterator[ET.Element]:
    found = False
    try:
        with in_words(path), path.open("rb") as file:
            for _, element in ET.iterparse(file):
                if element.tag == "track":
                    raise RegionHeadsError(f"{path}: expected CVAT for images 1.1, found tracks; export it as that")
                if element.tag == "image":
                    found = True
                    yield element
                    element.clear()
    except (ET.ParseError, LookupError) as error:  # the second: an encoding that no one knows
        raise RegionHeadsError(f"{path}: not readable as XML: {error}; export it again") from None
    if not found:
        raise RegionHeadsError(f"{path}: expected CVAT's images, found none; is --from right?")


def _marked(image: ET.Element, split: str) -> Marked:
    picture = Marked([image.get("name", ""), image.get("id", "")], split=split)
    drawn = [one for one in image if one.tag in _SHAPES]
    labels = Counter(one.get("label", "") for one in drawn)
    for number, one in enumerate(drawn):
        names = {str(number), _attributes(one).get("name", "")}
        names |= {one.get("label", "")} if labels[one.get("label", "")] == 1 else set()
        picture.regions.append((names - {""}, _region(one, image, number)))
    return picture


def _region(shape: ET.Element, image: ET.Element, number: int) -> shapes.Region | FieldError:
    try:
        return _drawn(shape, (int(image.get("height", 0)), int(image.get("width", 0))))
    except ValueError as error:
        said = error if str(error).startswith("expected") else f"expected numbers, found {error}"
        return FieldError(f"{shape.tag} {number}", str(said), "draw it as a box, a polygon or a mask")


def _drawn(shape: ET.Element, size: shapes.Size) -> shapes.Region:
    if float(shape.get("rotation", 0)):
        raise ValueError("expected a shape that is not rotated, found a rotation")
    if shape.tag == "box":
        edges = [float(shape.get(edge, "nan")) for edge in ("xtl", "ytl", "xbr", "ybr")]
        return shapes.box(edges, NamedBoxes.EDGES, size)
    if shape.tag == "polygon":
        points = shape.get("points", "").replace(";", ",").split(",")
        return shapes.polygon([[float(value) for value in points]], size)
    if shape.tag == "mask":
        return _mask(shape, size)
    raise ValueError(f"expected a box, a polygon or a mask, found a {shape.tag}")


def _mask(shape: ET.Element, size: shapes.Size) -> shapes.Region:
    """Run lengths row by row inside a box, background first."""
    left, top, width, height = (int(shape.get(name, "")) for name in ("left", "top", "width", "height"))
    lengths = [int(length) for length in shape.get("rle", "").split(",")]
    inside = left >= 0 and top >= 0 and left + width <= size[1] and top + height <= size[0] and min(width, height) > 0
    if not inside or min(lengths) < 0 or sum(lengths) != width * height:
        raise ValueError(f"expected run lengths of {width} x {height} pixels in the picture, found {sum(lengths)}")
    pixels = np.zeros(check_size(list(size)), bool)
    values = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    pixels[top : top + height, left : left + width] = values.reshape(height, width)
    return shapes.mask(pixels)


def _attributes(element: ET.Element) -> dict[str, str]:
    return {one.get("name", ""): (one.text or "").strip() for one in element.iter("attribute") if one.text}


def _record(given: dict[str, str], picture: Marked) -> dict[str, Any]:
    record: dict[str, Any] = {"image": picture.names[0], **given}
    places = given["regions"] if "regions" in given else " ".join(str(place) for place in range(len(picture.regions)))
    record["regions"] = picture.called(places.replace(",", " ").split())
    return record | {"answer": parsed_answer(given["answer"])} if "answer" in given else record
