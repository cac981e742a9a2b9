"""``region-heads init``: a small data set to look at and to change, with its settings."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from region_heads.console.commands import command
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError


def init(
    folder: Annotated[Path, typer.Argument(help="Folder that is written; it must not exist.")],
    scenes: Annotated[int, typer.Option("--scenes", min=1, help="Pictures.")] = 24,
) -> None:
    """Write a small example of the format that `validate` reads: questions, pictures, depth, and params.yaml to edit.

    The pictures are rendered table-tops. Replace them and questions.jsonl by your own, one record a line.

    Example: `region-heads init data/mine`
    """
    from region_heads.files.output import whole_folder
    from region_heads.params_text import section_text
    from region_heads.rendering.plan import Order, orders
    from region_heads.rendering.processes import write_scenes
    from region_heads.rendering.settings import Params
    from region_heads.settings import DatasetParams
    from region_heads.tabletop.scenes import write_scene

    if folder.exists():
        raise RegionHeadsError(f"{folder}: exists already; remove it, or name another folder")
    planned = orders(Params(scenes=scenes, questions_per_scene=6, width=320, height=180))
    in_one = [Order(one.index, one.seed, ".", one.size, one.wanted) for one in planned]
    with whole_folder(folder) as unfinished:
        for kind in ("images", "depths"):
            (unfinished / kind).mkdir()
        made = write_scenes(write_scene, in_one, unfinished, workers=0)
        records = [_flat(record) for of_scene in made for record in of_scene]
        text = "".join(f"{json.dumps(record)}\n" for record in records)
        (unfinished / "questions.jsonl").write_text(text, encoding="utf-8")
        values = {"path": str(folder), "images": "images/{image}", "depths": "depths/{stem}_depth.png"}
        (unfinished / "params.yaml").write_text(section_text("data", DatasetParams, values) + "\n", encoding="utf-8")
    console = plain_console(soft_wrap=True)
    console.print(f"{folder}: {len(records)} questions about {scenes} pictures; a record a line in questions.jsonl")
    console.print(f"next: {command('train', folder, '--params', folder / 'params.yaml')}")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the public format in the flat one."""
    question, *_ = record["conversations"]
    return {
        "id": record["id"], "image": record["image"], "question": question["value"].removeprefix("<image>\n"),
        "regions": record["rle"], "category": record["category"], "answer": record["normalized_answer"],
        "freeform_answer": record["freeform_answer"], "field_of_view": record["field_of_view"],
    }  # fmt: skip
