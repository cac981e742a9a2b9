"""``region-heads pipeline``: commands that lie with the line, in its folder, and not in this package."""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from region_heads.errors import RegionHeadsError

_COMMANDS = "pipelines.command"
"""The one name of a folder above that the package holds; it is imported when one of these commands is asked for."""

_LINE = ("pipelines/command.py", "components/params.py")
"""Files by which the line's folder differs from another project's with a folder `pipelines` of its own."""


class _LineGroup(TyperGroup):
    """Commands of the line's folder, loaded when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_commands().list_commands(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return _commands().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=_LineGroup,
    help="The line as Kubeflow pipelines, training and retraining: compile, run here, submit, put on a schedule.",
    no_args_is_help=True,
)


def _commands() -> Any:
    folder = str(_folder())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # The tasks of a local run are processes, which import the line, too.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, paths)])
    return typer.main.get_command(import_module(_COMMANDS).app)


def _folder() -> Path:
    """The working folder, or the one in which this package lies, where the line lies there.

    Raises:
        RegionHeadsError: It lies in neither.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if all((folder / file).is_file() for file in _LINE):
            return folder
    raise RegionHeadsError(
        "region-heads pipeline: expected a folder with the line, as a clone of the repository is, found none; "
        "go to the clone, and after `make setup` run it there"
    )
