"""``region-heads registry``: the champion, its history, and moving it by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from region_heads.cli import options

if TYPE_CHECKING:
    from region_heads.registry.promotion.history import Event
    from region_heads.settings import TrackingParams

app = typer.Typer(
    help="The model registry: who is champion, since when and why; promote and roll back.", no_args_is_help=True
)


@app.command()
def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    params: options.Params = None,
) -> None:
    """Show every promotion, refusal and rollback, oldest first, each with its reason.

    Example: `region-heads registry history`
    """
    from rich.table import Table

    from region_heads.console.terminal import plain_console
    from region_heads.registry.promotion.moves import history as events

    tracking = _tracking(params)
    found = events(tracking)
    if as_json:
        typer.echo(json.dumps([asdict(event) for event in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo(f"model {tracking.model_name!r}: no history yet; `make run` registers a first version")
        return
    table = Table(title=f"Model {tracking.model_name}", title_justify="left", pad_edge=False, box=None)
    for heading in ("when (UTC)", "event", "version", "before", "reason"):
        table.add_column(heading)
    for event in found:
        table.add_row(event.at[:19], event.event, event.version, event.previous or "-", event.reason)
    plain_console().print(table)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Version to make champion.")],
    reason: Annotated[str, typer.Option(help="Why, for the history.")],
    params: options.Params = None,
) -> None:
    """Make a version champion by hand, past the gate; the reason is kept.

    Example: `region-heads registry promote 3 --reason "the gate's test set misses night scenes"`
    """
    from region_heads.registry.promotion.moves import promote_by_hand

    _tell(promote_by_hand(_tracking(params), version, reason=reason))


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "Rolled back by hand.",
    params: options.Params = None,
) -> None:
    """Make the previous champion champion again.

    Example: `region-heads registry rollback --reason "counts are off on camera 4"`
    """
    from region_heads.registry.promotion.moves import rollback as roll_back

    _tell(roll_back(_tracking(params), reason=reason))


def _tell(event: Event) -> None:
    before = f", before it version {event.previous}" if event.previous else ""
    typer.echo(f"{event.event}: version {event.version} is champion{before}")


def _tracking(params: Path | None) -> TrackingParams:
    from region_heads.params_file import settings_of
    from region_heads.settings import TrackingParams

    return settings_of("tracking", TrackingParams, params)
