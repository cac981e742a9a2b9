"""A model's answers as a file: JSON lines, a table, or COCO, in which each region carries its question and answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_file
from region_heads.labelling.choices import Form
from region_heads.labelling.coco import ASKED
from region_heads.records import PREDICTION_SCHEMA
from region_heads.tasks import TASKS, Task

_ENDINGS = {".jsonl": Form.JSONL, ".parquet": Form.PARQUET}


def form_of(path: Path, named: Form | None) -> Form:
    """The form that is ``named``, or that the file's ending says.

    Raises:
        RegionHeadsError: Neither does.
    """
    form = named or _ENDINGS.get(path.suffix.lower())
    if form is None:
        raise RegionHeadsError(
            f"{path}: expected a name that ends in {' or '.join(_ENDINGS)}, found {path.suffix or 'no ending'}; name "
            f"it so, or give the form by --to {', '.join(Form)}"
        )
    return form


def write(answered: pa.Table, form: Form, path: Path) -> None:
    """Writes the file ``path``, whole or not at all.

    Args:
        answered: Rows with the columns of ``TAGGED_SCHEMA`` and ``PREDICTION_SCHEMA``. Parquet takes the latter.
    """
    with whole_file(path) as partial:
        if form is Form.PARQUET:
            pq.write_table(answered.select(PREDICTION_SCHEMA.names), partial)
            return
        with partial.open("w", encoding="utf-8") as file:
            if form is Form.COCO:
                json.dump(_coco(answered), file, ensure_ascii=False)
            else:
                lines = (json.dumps(one, ensure_ascii=False) for one in answers(answered))
                file.writelines(f"{line}\n" for line in lines)


def answers(answered: pa.Table) -> list[dict[str, Any]]:
    """The answers of a table with the columns of ``PREDICTION_SCHEMA``; its masks stay where they are."""
    return [answer(row) for row in answered.select(PREDICTION_SCHEMA.names).to_pylist()]


def answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """The answer in a row of ``PREDICTION_SCHEMA``, as the benchmark and people read it."""
    task, said = Task.of(row["task"]), json.loads(row["prediction"])
    return {
        "id": row["id"],
        "normalized_answer": str(said) if task.names_region else said,
        "freeform_answer": task.said(said),
        "task": task.name,
        "confidence": round(row["confidence"], 4),
        "regions": [number for number, weight in enumerate(row["answer_weights"]) if weight >= 0.5],
    }


def _coco(answered: pa.Table) -> dict[str, Any]:
    """COCO's object detection form: an annotation for each region of each question, whose category is the task."""
    from pycocotools import mask as coco

    categories = {task.name: number for number, task in enumerate(TASKS, start=1)}
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    for row in answered.to_pylist():
        height, width = size = [row["height"], row["width"]]
        image = {"id": len(images) + 1, "file_name": row["image"], "width": width, "height": height}
        given, about = answer(row), {name: row[name] for name in ASKED if row[name] is not None}
        about |= {name: json.loads(about[name]) for name in ("answer", "extra") if name in about}
        for region, counts in enumerate(row["rle"]):
            mask = {"size": size, "counts": counts}
            annotations.append({
                "id": len(annotations) + 1, "image_id": images.setdefault(row["image"], image)["id"],
                "category_id": categories[row["task"]], "iscrowd": 0, "segmentation": mask,
                "area": row["mask_areas"][region], "bbox": coco.toBbox(mask).tolist(), "score": given["confidence"],
                "attributes": {
                    "question_id": row["id"], "region": region, **about, "prediction": given["normalized_answer"],
                    "prediction_text": given["freeform_answer"], "named": region in given["regions"],
                },
            })  # fmt: skip
    kinds = [{"id": number, "name": name} for name, number in categories.items()]
    return {"images": list(images.values()), "categories": kinds, "annotations": annotations}
