"""``region-heads playground``: a page to try a model by hand."""

from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli import options
from region_heads.cli.listening import address, bound
from region_heads.errors import RegionHeadsError

_USUAL = 7860


def playground(
    model: Annotated[
        str | None,
        typer.Option("--model", help="Folder, models:/NAME@ALIAS or models:/NAME/VERSION; default: the champion."),
    ] = None,
    questions: Annotated[
        Path, typer.Option(help="Table of questions whose pictures can be chosen; the step split writes it.")
    ] = Path("data/splits/test.parquet"),
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Default: 7860, or any that is free where it is taken; 0: any."),
    ] = None,
    without_depth: options.WithoutDepth = False,
    params: options.Params = None,
) -> None:
    """Open a page: choose or upload a picture, click on regions, ask; see the head, the answer and the regions used.

    It is meant for your own machine: there is no authentication, and --host 0.0.0.0 opens it to all who reach the port.

    Example: `region-heads playground`, then http://127.0.0.1:7860
    """
    import os
    import tempfile

    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when it is imported
    from region_heads.params_file import settings_of
    from region_heads.playground.page import Playground, launch
    from region_heads.playground.scene import scenes
    from region_heads.prediction import load
    from region_heads.registry.model_uri import model_folder
    from region_heads.settings import DatasetParams, TrackingParams

    tracking = settings_of("tracking", TrackingParams, params)
    data = settings_of("data", DatasetParams, params)
    try:  # reported before the model is loaded; gradio takes it a moment later
        listening = bound(host, _USUAL if port is None else port)
    except RegionHeadsError as error:
        if port is not None:
            raise
        typer.echo(f"{error}; a free one is used")
        listening = bound(host, 0)
    with listening:
        port = int(listening.getsockname()[1])
    uri = model or f"models:/{tracking.model_name}@champion"
    known = scenes(questions, Path(data.path)) if questions.exists() else {}
    if not known:
        typer.echo(f"{questions}: no pictures to choose from; bring your own")
    with tempfile.TemporaryDirectory() as scratch:
        loaded = load(model_folder(uri, tracking, Path(scratch)))
        page = Playground(
            loaded, name=uri, scenes=known, depth_scale=data.depth_scale, without_depth=without_depth
        ).build()
        typer.echo(f"Playground: {address(host, port)} (Ctrl-C ends it)")
        launch(page, host=host, port=port)
