"""``region-heads train``: from a folder with questions to a judged model, without a clone of the project."""

from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli import options
from region_heads.cli.extras import check_installed
from region_heads.console.commands import command
from region_heads.console.terminal import plain_console


def train(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATA", help="Folder of a data set, or one annotation file, as `validate` reads.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Model folder, which must not exist; default: models/NAME of DATA.")
    ] = None,
    reports: Annotated[
        Path | None, typer.Option("--reports", help="Folder for report, tables, figures; default: reports/NAME of OUT.")
    ] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="In place of finetune.epochs.")] = None,
    backbone: Annotated[
        str | None, typer.Option("--backbone", help="In place of finetune.backbone: a Hugging Face name or folder.")
    ] = None,
    params: options.Params = None,
) -> None:
    """Check a data set, split it by picture, train a model, and judge it on pictures that it never saw.

    The steps are those of `make run`, without MLflow and the gate. Records that cannot be used are reported and left
    out. A run that was stopped, in training or later, goes on when it is repeated with the same data and settings.

    Example: `region-heads train data/mine --epochs 10`
    """
    check_installed("great_expectations")
    check_installed("contourpy")
    name = dataset.resolve().name
    out = out or Path("models") / (name.partition(".")[0] if dataset.is_file() else name)
    reports = reports or Path("reports") / out.resolve().name
    from region_heads.cli.training import settings, train_and_judge
    from region_heads.evaluation.table import print_evaluation

    given = {key: value for key, value in (("epochs", epochs), ("backbone", backbone)) if value is not None}
    figures, left_out = train_and_judge(dataset, out, reports, settings(params, given))
    console = plain_console(soft_wrap=True)
    print_evaluation(figures, console)
    console.print()
    for file, count in left_out.items():
        if count:
            console.print(f"Left out: {count:,} records, with the reasons in {file}")
    console.print(
        f"Model: {out}\nReport: {(reports / 'report.html').absolute().as_uri()}\n\n"
        f"Next: a page to ask it: {command('playground', '--model', out)}\n"
        f"      answers to a file: {command('predict', '--model', out, '--records', 'FILE')}\n"
        "      its mistakes, to be corrected in Label Studio: "
        + command(
            "review",
            reports / "review",
            "--questions",
            reports / "splits" / "test.parquet",
            "--predictions",
            reports / "predictions.parquet",
        )
    )
