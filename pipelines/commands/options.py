"""Options that several commands share, each with its one wording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.names import PipelineName

Params = Annotated[Path, typer.Option("--params", help="Configuration.", show_default=True)]
WithoutDepth = Annotated[
    bool,
    typer.Option(
        "--without-depth",
        help="Allow that depth images are missing, with which the model was trained; such answers are less accurate.",
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host", help="Kubeflow Pipelines server, such as http://localhost:8888.", envvar="KF_PIPELINES_ENDPOINT"
    ),
]
Experiment = Annotated[str, typer.Option(help="Kubeflow experiment; created when it is new.")]
Namespace = Annotated[str | None, typer.Option(help="Profile namespace, where the server has several users.")]
ServiceAccount = Annotated[
    str | None, typer.Option(help="Account that the tasks run under; without it the server's own choice.")
]
Pipeline = Annotated[PipelineName, typer.Option(help="Which one.")]
