"""The command line ``region-heads``: puts the commands together and turns errors into words and exit codes."""

from __future__ import annotations

import typer

from pipelines.commands import ingest, pipeline, playground, predict, registry, score, serve, tag, validate
from region_heads.console.boundary import in_words
from region_heads.console.terminal import check_output

app = typer.Typer(
    name="region-heads",
    help="Train, judge and serve models that answer spatial questions about marked regions of an image.",
    epilog="Start with `make run`; it trains a model on the embedded sample and says where everything is.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("tag")(tag.tag)
app.command("ingest")(ingest.ingest)
app.command("validate")(validate.validate)
app.command("score")(score.score)
app.command("predict")(predict.predict)
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(registry.app, name="registry")
app.command("serve")(serve.serve)
app.command("playground")(playground.playground)


def main() -> None:
    """Runs the command line. Exit code 1: the input or a setting is wrong; 2: the command is."""
    with in_words("Error"):
        try:
            app()
        except SystemExit as ended:
            if not ended.code:
                check_output()
            raise


if __name__ == "__main__":
    main()
