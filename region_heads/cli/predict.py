"""``region-heads predict``: a model's answers to a file of questions."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from region_heads.cli import options
from region_heads.cli.extras import check_installed


def predict(
    model: Annotated[str, typer.Option("--model", help="Model folder, models:/NAME@ALIAS or models:/NAME/VERSION.")],
    records: Annotated[
        Path, typer.Option("--records", help="Questions in a format that validate reads: JSON, JSONL, Parquet or CSV.")
    ],
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder that their pictures lie in; default: beside them, as data.images says."),
    ] = None,
    depths: Annotated[
        Path | None,
        typer.Option("--depths", help="Folder of their depth images; default: beside them, as data.depths says."),
    ] = None,
    without_depth: options.WithoutDepth = False,
    out: Annotated[Path, typer.Option("--out", help="Where the answers go, as JSON lines.")] = Path(
        "predictions.jsonl"
    ),
    params: options.Params = None,
) -> None:
    """Answer every question of a file; what is not answered is reported, with its reason, and is exit code 1.

    The answers hold id and normalized_answer, as `region-heads score` and the benchmark read them, and beside
    these the task, the confidence, the sentence and the regions that it rests on.

    A model that was trained with depth images wants them here too: they are looked for beside the pictures, by the
    patterns data.images and data.depths of params.yaml.

    Example: `region-heads predict --model models/region_heads --records data/sample/test.json
    --images data/sample/test/images`
    """
    from region_heads.cli.answering import answer_file
    from region_heads.files.output import whole_file
    from region_heads.params_file import settings_of
    from region_heads.registry.model_uri import model_folder
    from region_heads.settings import DatasetParams, TrackingParams

    check_installed("great_expectations")
    tracking = settings_of("tracking", TrackingParams, params)
    data = settings_of("data", DatasetParams, params)
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(model, tracking, Path(scratch) / "model")
        answers, refused = answer_file(
            folder,
            records,
            images=images,
            depths=depths,
            without_depth=without_depth,
            data=data,
            scratch=Path(scratch),
        )
    with whole_file(out) as file:
        file.write_text("".join(_line(answer) for answer in answers), encoding="utf-8")
    typer.echo(f"{out}: {len(answers)} answers")
    for reason in refused:
        typer.echo(f"not answered: {reason}", err=True)
    if refused:
        raise typer.Exit(1)


def _line(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False) + "\n"
