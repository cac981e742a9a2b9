"""``region-heads import``: an export of a labelling tool, or a table, as a data set that ``validate`` reads."""

from __future__ import annotations

import json
import random
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from region_heads.cli.extras import check_installed
from region_heads.console.commands import command
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.labelling.choices import PAGE, REFUSED, NamedBoxes, Tool

if TYPE_CHECKING:
    from region_heads.labelling.importing import Imported

_SHOWN = 10


def import_data(
    source: Annotated[list[Path], typer.Argument(help="The export: its files, or the folders that it lies in.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that is written; it must not exist.")],
    tool: Annotated[
        Tool, typer.Option("--from", help="Whose export it is; `table` is CSV, Parquet, Arrow or JSON lines.")
    ],
    questions: Annotated[
        Path | None, typer.Option("--questions", help="Questions about marked regions; default: questions.* beside it.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="Folder of the pictures, at any depth; default: the export's.")
    ] = None,
    boxes: Annotated[
        NamedBoxes | None,
        typer.Option("--boxes", help="What four bare numbers are, where the form does not define it."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="FIELD=NAME",
            help="Column of a field, where its name is unusual: id, image, question, regions, answer, category.",
        ),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy pictures where they could be linked.")] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help=f"Go on without questions that are refused; they go to {REFUSED}.")
    ] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Correct the questions of these ids in OUT, which was imported before.")
    ] = False,
    page: Annotated[bool, typer.Option("--page/--no-page", help=f"Draw ten questions: {PAGE}.")] = True,
) -> None:
    """Bring an export of a labelling tool, or a table, into the format and layout that `validate` reads.

    Regions may be boxes, polygons, masks, run lengths; they and the answers are judged as `validate` judges them.
    Boxes whose order the export does not define are refused until --boxes names it. With --correct, questions that a
    person has corrected (`region-heads review`) take the place of those in OUT, each where it stands.

    Example: `region-heads import export.json data/mine --from label-studio --pictures photos`
    """
    from region_heads.files.output import scratch_file
    from region_heads.labelling.correcting import correct as correct_records
    from region_heads.labelling.entry import Options
    from region_heads.labelling.importing import bring

    if page:
        check_installed("contourpy")
    if correct and not target.is_dir():
        raise RegionHeadsError(f"{target}: expected a data set to correct, found none; leave out --correct to write it")
    options = Options(boxes=boxes, columns=_columns(column or []), questions=questions)
    console = plain_console(soft_wrap=True)
    with scratch_file(target.resolve()) if correct else nullcontext(target) as written:  # "." has no name
        found = bring(source, written, tool, options, pictures=pictures or (target if correct else None), copy=copy,
                      partial=partial, annotated=correct)  # fmt: skip
        lines, place = _lines(found), target / PAGE
        if page:
            _draw(written, lines)
        if correct:
            lines.append(f"{correct_records(target, written):,} of them have another answer than before, in {target}")
            place = place.with_name("corrected") / place.name
            shutil.rmtree(place.parent, ignore_errors=True)  # with what an earlier correction refused
            shutil.copytree((written / PAGE).parent, place.parent)
            if found.untouched:
                lines.append(f"{found.untouched:,} more that nobody annotated, which stay as they are")
    for line in lines:
        console.print(line)
    for refusal in found.refusals():
        console.print(f"refused: {refusal}")
    if found.extra and not correct:
        names = ", ".join(found.extra)
        console.print(
            f"kept beside, as no field of the format is called so: {names}; --column FIELD=NAME says otherwise"
        )
    if found.proposed and not correct:
        console.print(f"{found.proposed:,} questions about what a model proposed and nobody confirmed")
    if found.unclear_depths:
        first = found.unclear_depths[0]
        console.print(
            f"without depth: {len(found.unclear_depths):,} pictures, as {first}, of which several fit, or which fits "
            "several pictures; lay each beside its picture, or in folders of the same names"
        )
    if page:
        console.print(f"look at {place}: are the regions where they should be?")
    console.print(f"next: `{command('validate', target)}`, then `{command('train', target)}`")


def _columns(given: list[str]) -> dict[str, str]:
    from region_heads.labelling.table import COLUMNS

    pairs = {name: column for name, _, column in (one.partition("=") for one in given)}
    for name, column in pairs.items():
        if name not in COLUMNS or not column:
            raise RegionHeadsError(f"--column: expected one of {', '.join(COLUMNS)}, = and a name, found {name!r}")
    return pairs


def _lines(found: Imported) -> list[str]:
    total = found.questions.total()
    splits = ", ".join(f"{count:,} {split}" for split, count in found.questions.items() if split)
    kinds = ", ".join(f"{count:,} {name or 'without a category'}" for name, count in found.categories.most_common())
    return [
        f"{total:,} questions{f' ({splits})' if splits else ''}: {kinds}",
        f"{found.answered:,} with an answer, {total - found.answered:,} without, which are answered and teach nothing",
        f"{found.pictures:,} pictures, {found.with_depth:,} with a depth image",
    ]


def _draw(target: Path, facts: list[str]) -> None:
    """Draws questions from the whole of the data set."""
    from region_heads.report.questions import render

    texts = [file.read_text(encoding="utf-8") for file in sorted(target.glob("*.jsonl"))]
    lines = [line for text in texts for line in text.split("\n") if line]  # splitlines also splits within texts
    # Drawn, as every k-th could be the same question about each picture.
    chosen = sorted(random.Random(0).sample(range(len(lines)), min(_SHOWN, len(lines))))
    html = render("What was imported", facts=facts, records=[json.loads(lines[number]) for number in chosen],
                  folder=target / "images")  # fmt: skip
    (target / PAGE).write_text(html, encoding="utf-8")
