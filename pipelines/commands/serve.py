"""``region-heads serve``: a model behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands import options


def serve(
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Model folder, models:/NAME@ALIAS or models:/NAME/VERSION; default: the champion."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that requests may name by path; without it they bring their own."),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Largest request, in MiB.")] = 32,
    max_questions: Annotated[int, typer.Option(min=1, help="Most questions in a request.")] = 128,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds until a request is given up.")] = 30.0,
    waiting: Annotated[int, typer.Option(min=1, help="Requests that may wait; more are told to come again.")] = 64,
    without_depth: options.WithoutDepth = False,
    params: options.Params = Path("params.yaml"),
) -> None:
    """Answer questions over HTTP, until Ctrl-C or SIGTERM; requests that were taken are still answered.

    POST /v1/answers takes {"question": …, "image": base64 or a path below --images, "depth": its depth image, likewise,
    "regions": [RLE or box …]}, or {"image": …, "depth": …, "questions": [...]} with several; questions about one
    picture share its pass. A model that was trained with depth answers without it only where the question says
    "without_depth": true. What cannot be answered gets a 4xx with the field, what was expected and what was found.
    GET /readyz, /v1/model, /docs.

    Example: `region-heads serve --images data/sample &
    curl localhost:8080/v1/answers --json '{"question": "How far is <mask> from <mask>?",
    "image": "test/images/000340.png", "depth": "test/depths/000340_depth.png",
    "regions": [[105, 215, 190, 300], [262, 235, 335, 310]]}'`
    """
    import signal
    import tempfile

    import uvicorn

    from components.params import load_params, section
    from components.sections import DatasetParams, TrackingParams
    from pipelines.model_uri import model_folder, resolve
    from pipelines.serving.app import ServerLimits, create_app
    from pipelines.serving.worker import Worker
    from region_heads.asking import Images, Limits
    from region_heads.prediction import load

    sections = load_params(params)
    tracking = section(sections, TrackingParams)
    uri = model or f"models:/{tracking.model_name}@champion"
    uri = resolve(uri, tracking) if uri.startswith("models:") else uri
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(uri, tracking, Path(scratch))
        worker = Worker(
            lambda: load(folder),
            # Nothing lies below an empty folder, so no file of this machine can be asked for.
            images=Images(images or _empty(Path(scratch))),
            limits=Limits(),
            depth_scale=section(sections, DatasetParams).depth_scale,
            without_depth=without_depth,
            waiting=waiting,
        )
        limits = ServerLimits(body=max_body * 2**20, questions=max_questions, seconds=timeout)
        app = create_app(worker, limits, {"model": uri})
        # uvicorn ends in good order and then raises the signal again, by which the process would seem killed.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=int(timeout) + 5)


def _empty(scratch: Path) -> Path:
    folder = scratch / "no-pictures"
    folder.mkdir()
    return folder
