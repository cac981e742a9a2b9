"""The step ``sample_data``: renders a data set in the public format, with questions of four categories."""

import json
from collections import Counter
from typing import Any

from rich.table import Table

from components.ports import OutputData
from region_heads.console.terminal import plain_console
from region_heads.files.output import whole_folder
from region_heads.rendering.plan import CATEGORIES, SPLITS, orders
from region_heads.rendering.processes import WriteScene, write_scenes
from region_heads.rendering.settings import Params
from region_heads.tabletop.scenes import write_scene as write_tabletop
from region_heads.warehouse.scenes import write_scene as write_warehouse

Record = dict[str, Any]

_DOMAINS: dict[str, WriteScene] = {"warehouse": write_warehouse, "tabletop": write_tabletop}


def run(*, dataset: OutputData, sample_data: Params) -> dict[str, float]:
    """Renders an embedded data set: pictures, metric depth and questions with their answers.

    What it reads and writes, and its errors: the README in this folder.

    Returns:
        The number of scenes, of questions, and of questions of each category.
    """
    planned = orders(sample_data)
    with whole_folder(dataset) as folder:
        for split in SPLITS:
            (folder / split / "images").mkdir(parents=True)
            (folder / split / "depths").mkdir()
        records: dict[str, list[Record]] = {split: [] for split in SPLITS}
        written = write_scenes(_DOMAINS[sample_data.domain], planned, folder, workers=sample_data.workers)
        for order, of_scene in zip(planned, written, strict=True):
            records[order.split] += of_scene
        for split, found in records.items():
            lines = ",\n".join(json.dumps(record) for record in found)
            (folder / f"{split}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    _show(records, f"Rendered {sample_data.domain}: {dataset}")
    counted = Counter(record["category"] for found in records.values() for record in found)
    return {
        "scenes": float(len(planned)),
        "questions": float(counted.total()),
        **{f"questions_{category}": float(counted[category]) for category in CATEGORIES},
    }


def _show(records: dict[str, list[Record]], title: str) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("split", "pictures", "questions", *CATEGORIES):
        table.add_column(column, justify="left" if column == "split" else "right")
    for split, found in records.items():
        counted = Counter(record["category"] for record in found)
        pictures = len({record["image"] for record in found})
        table.add_row(split, str(pictures), str(len(found)), *(str(counted[category]) for category in CATEGORIES))
    plain_console().print(table)
