"""``region-heads review``: what a model got wrong or doubts, as tasks of a labelling tool."""

import json
from pathlib import Path
from typing import Annotated

import typer

from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError


def review(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for tasks.json and label_config.xml.")],
    questions: Annotated[Path, typer.Option("--questions", help="The split that was answered.")] = Path(
        "data/splits/test.parquet"
    ),
    predictions: Annotated[
        Path, typer.Option("--predictions", help="The answers, as the step evaluate wrote them.")
    ] = Path("data/predictions.parquet"),
    number: Annotated[int, typer.Option("--number", min=1, help="Questions at most.")] = 50,
    address: Annotated[
        str,
        typer.Option("--address", help="Of a picture, as Label Studio reaches it; {image}: its path in the data set."),
    ] = "/data/local-files/?d={image}",
) -> None:
    """Write the worst and the most doubtful questions as Label Studio tasks, with the model's answers to correct.

    Of each task the most confident wrong answers, then the least confident ones. Import label_config.xml as the
    labelling interface, then tasks.json; export JSON, and read it by `region-heads import --from label-studio`.

    Example: `region-heads review reports/review --number 30`
    """
    from region_heads.files.inputs import read_table
    from region_heads.files.output import whole_folder
    from region_heads.labelling.review import configuration, task_of
    from region_heads.records import PREDICTION_SCHEMA, SPLIT_SCHEMA
    from region_heads.report.gallery import choose
    from region_heads.report.rows import join

    if target.exists():
        raise RegionHeadsError(f"{target}: exists already; remove it, or name another folder")
    if "{image}" not in address:
        raise RegionHeadsError(f"--address: expected {{image}} in place of a picture's path, found {address!r}")
    asked = read_table(questions, SPLIT_SCHEMA, writer="split")
    rows = choose(join(asked, read_table(predictions, PREDICTION_SCHEMA, writer="evaluate")), number)
    if not rows:
        raise RegionHeadsError(f"{questions}: expected questions, found none; run the step split on more data")
    with whole_folder(target) as folder:
        content = json.dumps([task_of(row, address) for row in rows], indent=1, ensure_ascii=False)
        (folder / "tasks.json").write_text(content + "\n", encoding="utf-8")
        config = configuration(max(len(row["rle"]) for row in rows))
        (folder / "label_config.xml").write_text(config, encoding="utf-8")
    wrong = sum(row["correct"] is False for row in rows)
    plain_console(soft_wrap=True).print(
        f"{target}: {len(rows)} tasks, {wrong} answered wrong; import label_config.xml and tasks.json into Label Studio"
        ", export JSON, then `region-heads import EXPORT OUT --from label-studio --pictures DATASET`"
    )
