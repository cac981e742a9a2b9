"""``region-heads serve``: MLflow's scoring server on a registered model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands import options


def serve(
    model: Annotated[
        str | None, typer.Option("--model", help="models:/NAME@ALIAS or models:/NAME/VERSION; default: the champion.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that requests may name by path; without it they bring their own."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    params: options.Params = Path("params.yaml"),
) -> None:
    """Answer questions over HTTP with a registered model, until Ctrl-C.

    POST /invocations takes `{"dataframe_records": [{"question": …, "image": …, "regions": [RLE …]}]}`;
    the picture in base64, or a path below --images. GET /ping tells whether it is up.

    Example: `region-heads serve --port 8080`
    """
    import os
    import sys

    from components.params import load_params, section
    from components.sections import TrackingParams
    from components.tracking import tracking_uri
    from pipelines.model_uri import resolve

    tracking = section(load_params(params), TrackingParams)
    uri = resolve(model or f"models:/{tracking.model_name}@champion", tracking)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "--model-uri",
        uri,
        "--host",
        host,
        "--port",
        str(port),
    ]
    # The server replaces this process, so that Ctrl-C and signals reach it. It runs in this environment: the one
    # that MLflow would build anew holds the same packages. MLflow looks for its web server on PATH.
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": tracking_uri(tracking),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Nothing lies below /dev/null, so no file of this machine can be asked for.
        "REGION_HEADS_IMAGE_ROOT": os.devnull if images is None else str(images.absolute()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    os.execve(sys.executable, [*command, "--env-manager", "local"], environment)
