"""The command line ``region-heads``: puts the commands together and turns errors into words and exit codes."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from pipelines.commands import ingest, pipeline, playground, predict, registry, score, serve, tag, validate
from region_heads.errors import RegionHeadsError

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
    try:
        app()
    except RegionHeadsError as error:
        # No markup and no wrapping: a message may hold brackets, and paths that someone wants to copy.
        Console(stderr=True).print(f"Error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The reader (`| head`) has had enough; Python must not complain about it while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
