"""Options that several commands share, each with its one wording."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Option("--model", help="Model folder, models:/NAME@ALIAS or models:/NAME/VERSION.")]
Records = Annotated[
    Path, typer.Option("--records", help="Questions in a format that validate reads: JSON, JSONL, Parquet or CSV.")
]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="Folder that their pictures lie in; default: beside them, as data.images says."),
]
Depths = Annotated[
    Path | None,
    typer.Option("--depths", help="Folder of their depth images; default: beside them, as data.depths says."),
]
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
