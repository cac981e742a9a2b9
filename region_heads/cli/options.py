"""Options that several commands share, each with its one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Params = Annotated[
    Path | None,
    typer.Option("--params", help="Settings; default: params.yaml of the working folder, else each setting's default."),
]
WithoutDepth = Annotated[
    bool,
    typer.Option(
        "--without-depth",
        help="Answer without depth images, too, although the model was trained with them; less accurate.",
    ),
]
