"""``region-heads predict``: a model's answers to a file of questions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from region_heads.cli import options
from region_heads.cli.extras import check_installed
from region_heads.labelling.choices import Form

if TYPE_CHECKING:
    import pyarrow as pa

    from region_heads.cli.answering import NotAnswered


def predict(
    model: options.Model,
    records: options.Records,
    images: options.Images = None,
    depths: options.Depths = None,
    without_depth: options.WithoutDepth = False,
    out: Annotated[Path, typer.Option("--out", help="Where the answers go.")] = Path("predictions.jsonl"),
    form: Annotated[Form | None, typer.Option("--to", help="As what; default: as the ending of --out says.")] = None,
    params: options.Params = None,
) -> None:
    """Answer every question of a file; questions without an answer are reported with the reason, and make exit code 1.

    JSON lines hold id and normalized_answer, as `region-heads score` and the benchmark read them, and beside these the
    task, the confidence, the sentence and the regions that it rests on; Parquet is the table that the step evaluate
    writes. In COCO each region is an annotation with question, answer and prediction as attributes.

    A model that was trained with depth images needs them here too. They are looked up beside the pictures, by the
    patterns data.images and data.depths of params.yaml.

    Example: `region-heads predict --model models/region_heads --records data/sample/test.json
    --images data/sample/test/images`
    """
    from region_heads.labelling.answers import form_of, write

    form = form_of(out, form)
    answered, missing = answers_of(
        model, records, images=images, depths=depths, without_depth=without_depth, params=params
    )
    write(answered, form, out)
    typer.echo(f"{out}: {answered.num_rows} answers")
    report(missing)
    if missing:
        raise typer.Exit(1)


def answers_of(
    model: str, records: Path, *, images: Path | None, depths: Path | None, without_depth: bool, params: Path | None
) -> tuple[pa.Table, list[NotAnswered]]:
    """What the model called ``model`` answers to a file, with the settings of ``params``; see ``answer_file``."""
    check_installed("great_expectations")
    from region_heads.cli.answering import answer_file
    from region_heads.params_file import settings_of
    from region_heads.registry.model_uri import model_folder
    from region_heads.settings import DatasetParams, TrackingParams
    from region_heads.tagging.settings import Params as TagParams

    tracking = settings_of("tracking", TrackingParams, params)
    data = settings_of("data", DatasetParams, params)
    tagging = settings_of("tag_tasks", TagParams, params)
    with tempfile.TemporaryDirectory() as scratch:
        return answer_file(
            model_folder(model, tracking, Path(scratch) / "model"),
            records,
            images=images,
            depths=depths,
            without_depth=without_depth,
            data=data,
            tagging=tagging,
            scratch=Path(scratch),
        )


def report(missing: list[NotAnswered]) -> None:
    """Names every question without an answer, with the reason, on standard error."""
    for one in missing:
        typer.echo(f"not answered: {one.reason}", err=True)
