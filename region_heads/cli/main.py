"""The command line ``region-heads``: puts the commands together and turns errors into words and exit codes."""

from typing import Annotated

import typer

from region_heads.cli import (
    import_data,
    ingest,
    init,
    pipeline,
    playground,
    predict,
    registry,
    review,
    score,
    serve,
    submission,
    tag,
    train,
    validate,
)
from region_heads.console.boundary import in_words
from region_heads.console.terminal import check_output

app = typer.Typer(
    name="region-heads",
    help="Train, judge and serve models that answer spatial questions about marked regions of an image.",
    epilog="In the clone start with `make run`; it trains a model on the embedded sample and says where everything is.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command("tag")(tag.tag)
app.command("ingest")(ingest.ingest)
app.command("init")(init.init)
app.command("import")(import_data.import_data)
app.command("validate")(validate.validate)
app.command("train")(train.train)
app.command("score")(score.score)
app.command("predict")(predict.predict)
app.command("review")(review.review)
app.command("submission")(submission.submission)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(registry.app, name="registry")
app.command("serve")(serve.serve)
app.command("playground")(playground.playground)


def _show_version(wanted: bool) -> None:
    if wanted:
        from region_heads import __version__

        typer.echo(f"region-heads {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Runs the command line. Exit code 1: the input or a setting is wrong; 2: the command is."""
    with in_words("Error"):
        try:
            app(prog_name="region-heads")
        except SystemExit as ended:
            if not ended.code:
                check_output()
            raise
