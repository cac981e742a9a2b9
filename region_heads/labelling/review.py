"""Questions that a model doubts as tasks of Label Studio, its regions and answers as pre-annotations.

A task's data has the whole record, so that what comes back from the tool is the same question about the same picture.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from region_heads.labelling import brush
from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS, Task

_KEPT = ("category", "freeform_answer", "field_of_view")


def task_of(row: Mapping[str, Any], address: str) -> dict[str, Any]:
    """The task of a question with its prediction.

    Args:
        row: Of the split (``SPLIT_SCHEMA``) and of the predictions (``PREDICTION_SCHEMA``).
        address: Of a picture, with ``{image}`` in place of its path below the data set.
    """
    kept = {name: row[name] for name in _KEPT if row.get(name) is not None}
    record = {"id": row["id"], "image": row["image"], "question": row["question"], **kept}
    record |= {} if row["answer"] is None else {"answer": json.loads(row["answer"])}
    record |= json.loads(row.get("extra") or "{}")
    results = [_region(number, counts, row) for number, counts in enumerate(row["rle"])]
    prediction = {
        "model_version": "region-heads",
        "score": float(row["confidence"]),
        "result": results + _answer(Task.of(row["task"]), json.loads(row["prediction"])),
    }
    data = {"image": address.replace("{image}", quote(row["image"])), "asks": _named(row["question"]), "record": record}
    return {"data": data, "predictions": [prediction]}


def configuration(regions: int) -> str:
    """The labelling interface for such tasks, with at most so many regions."""
    view = ET.Element("View")
    ET.SubElement(view, "Header", value="$asks")
    ET.SubElement(view, "Image", name="image", value="$image", zoom="true")
    for tag, name in (("RectangleLabels", "box"), ("PolygonLabels", "polygon"), ("BrushLabels", "brush")):
        labels = ET.SubElement(view, tag, name=name, toName="image")
        for number in range(regions):
            ET.SubElement(labels, "Label", value=f"Region {number}")
    choices = ET.SubElement(view, "Choices", name="side", toName="image", choice="single", showInline="true")
    for label in dict.fromkeys(label for task in TASKS for label in task.labels):
        ET.SubElement(choices, "Choice", value=label)
    ET.SubElement(view, "Number", name="number", toName="image")
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def _named(question: str) -> str:
    """The question with the names of its regions."""
    first, *others = question.split(MASK_TOKEN)
    return first + "".join(f"[Region {number}]{words}" for number, words in enumerate(others))


def _answer(task: Task, answer: Any) -> list[dict[str, Any]]:
    try:
        target = task.parse(answer)
    except ValueError:  # a model that answers in words may say anything
        return []
    name, kind, value = ("side", "choices", [target]) if task.labels else ("number", "number", target)
    return [{"id": "answer", "from_name": name, "to_name": "image", "type": kind, "value": {kind: value}}]


def _region(number: int, counts: str, row: Mapping[str, Any]) -> dict[str, Any]:
    from pycocotools import mask as coco

    height, width = row["height"], row["width"]
    pixels = coco.decode({"size": [height, width], "counts": counts.encode()}).astype(bool)
    kind, name, value = _drawn(pixels)
    return {
        "id": f"region{number}", "from_name": name, "to_name": "image", "type": kind, "original_width": width,
        "original_height": height, "image_rotation": 0, "value": value | {kind: [f"Region {number}"]},
    }  # fmt: skip


def _drawn(pixels: NDArray[np.bool_]) -> tuple[str, str, dict[str, Any]]:
    """A rectangle where the mask is one, which is easily corrected, else the mask as it is."""
    height, width = pixels.shape
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    top, left, high, wide = rows[0], columns[0], len(rows), len(columns)
    if high * wide == pixels.sum() and pixels[top : top + high, left : left + wide].all():
        sides = {"x": left / width, "y": top / height, "width": wide / width, "height": high / height}
        return "rectanglelabels", "box", {name: float(100 * part) for name, part in sides.items()} | {"rotation": 0}
    return "brushlabels", "brush", {"format": "rle", "rle": brush.encode(pixels)}
