"""``region-heads serve``: a model behind HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli import options
from region_heads.cli.listening import address, bound


def serve(
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="Model folder, models:/NAME@ALIAS or models:/NAME/VERSION; default: the champion."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8080,
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that requests may name by path; without it they bring their own."),
    ] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Largest request, in MiB.")] = 32,
    max_questions: Annotated[int, typer.Option(min=1, help="Most questions in a request.")] = 128,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, help="Seconds that a request may take, from its headers to its answer.")
    ] = 30.0,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with a token a line; who asks must send one as `Authorization: Bearer …`."),
    ] = None,
    max_connections: Annotated[int, typer.Option(min=8, help="Connections at a time.")] = 256,
    waiting: Annotated[int, typer.Option(min=1, help="Requests that may queue; more are refused.")] = 64,
    follow: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds between two looks at the alias of --model, whose new version takes over; 0: never."
        ),
    ] = 0.0,
    without_depth: options.WithoutDepth = False,
    params: options.Params = None,
) -> None:
    """Answer questions over HTTP, until Ctrl-C or SIGTERM; accepted requests are still answered.

    POST /v1/answers takes {"question": …, "image": base64 or a path below --images, "depth": its depth image, likewise,
    "regions": [RLE or box …]}, or {"image": …, "depth": …, "questions": [...]} with several; questions about one
    picture share its pass. A model that was trained with depth answers without it only where the question says
    "without_depth": true. What cannot be answered gets a 4xx with the field, what was expected and what was found.
    GET /readyz (once the model has answered a test question), /healthz, /metrics, /v1/model, /docs.

    With --follow, the server follows the alias: after a promotion or a rollback the new version takes over without a
    restart, once it is loaded and has answered a test question. Until then both versions need memory.

    There is no authentication unless --token-file is given: all who reach the port can ask. With it, everything but
    /healthz, /readyz and /metrics requires a token. The file must not be readable by everybody; it is read for each
    request, so that tokens change without a restart. There is no TLS: put a proxy in front on a network that others
    share.

    Example: `region-heads serve --images data/sample &
    curl localhost:8080/v1/answers --json '{"question": "How far is <mask> from <mask>?",
    "image": "test/images/000340.png", "depth": "test/depths/000340_depth.png",
    "regions": [[105, 215, 190, 300], [262, 235, 335, 310]]}'`
    """
    import signal
    import tempfile

    import uvicorn

    from region_heads.asking import Images, Limits
    from region_heads.errors import RegionHeadsError
    from region_heads.params_file import settings_of
    from region_heads.prediction import load
    from region_heads.registry.model_uri import model_folder, resolve
    from region_heads.serving.access import Tokens
    from region_heads.serving.app import create_app
    from region_heads.serving.connection import connection_class
    from region_heads.serving.following import Follower
    from region_heads.serving.intake import ServerLimits
    from region_heads.serving.worker import Worker
    from region_heads.settings import DatasetParams, TrackingParams

    tracking = settings_of("tracking", TrackingParams, params)
    data = settings_of("data", DatasetParams, params)
    tokens = None if token_file is None else Tokens(token_file)
    if images is not None and not images.is_dir():
        raise RegionHeadsError(f"--images {images}: expected a folder of pictures, found none")
    named = model or f"models:/{tracking.model_name}@champion"
    if follow and "@" not in named:
        raise RegionHeadsError(f"--follow: expected --model models:/NAME@ALIAS beside it, found {named}")
    uri = resolve(named, tracking) if named.startswith("models:") else named
    with tempfile.TemporaryDirectory() as scratch:
        folder = model_folder(uri, tracking, Path(scratch))

        def ended() -> None:
            server.should_exit = True

        worker = Worker(
            lambda: load(folder),
            # Nothing lies below an empty folder, so no file of this machine can be asked for.
            images=Images(images or Path(tempfile.mkdtemp(dir=scratch))),
            limits=Limits(),
            depth_scale=data.depth_scale,
            without_depth=without_depth,
            waiting=waiting,
            patience=2 * timeout + 30,
            on_failure=ended,
        )
        limits = ServerLimits(
            body=max_body * 2**20,
            bodies=max(16 * max_body * 2**20, ServerLimits.bodies),
            questions=max_questions,
            seconds=timeout,
            connections=max_connections,
        )
        about = {"model": uri}
        app = create_app(worker, limits, about, tokens=tokens)
        config = uvicorn.Config(
            app, loop="asyncio", http=connection_class(limits), ws="none", timeout_graceful_shutdown=int(timeout) + 5
        )
        server = uvicorn.Server(config)
        whom = "to all who reach it" if tokens is None else "by token"
        with bound(host, port) as listening:  # before the model is loaded: what cannot be had is reported at once
            typer.echo(f"Serving {uri} at {address(host, listening.getsockname()[1])}, {whom}")
            # uvicorn ends in good order and then raises the signal again, by which the process would seem killed.
            for ending in (signal.SIGTERM, signal.SIGINT):
                signal.signal(ending, lambda *_: None)
            follower = Follower(
                worker,
                about,
                resolve=lambda: resolve(named, tracking),
                fetch=lambda version, below: model_folder(version, tracking, below),
                every=follow,
            )
            if follow:
                follower.start()
            server.run(sockets=[listening])
            follower.stop()
        if worker.failure is not None:
            raise worker.failure
