"""The step ``promote``: the gate decides whether the registered version becomes champion, and writes why."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from components.champion import version_of
from components.inputs import read_json
from components.output import write_json
from components.ports import InputPath, OutputPath
from components.promote.gate import Verdict, decide
from components.promote.params import Params
from components.promote.registry import (
    ROLLED_BACK_TAG,
    champion_before,
    get_version,
    move_champion,
    tag_verdict,
    write_refusal,
)
from components.sections import TrackingParams
from components.tracking import connect
from region_heads.errors import RegionHeadsError


def promote(
    *,
    registration: InputPath,
    evaluation: InputPath,
    promotion: OutputPath,
    promote: Params,
    tracking: TrackingParams,
) -> dict[str, float]:
    """Moves the alias ``champion`` to the registered version, but only through the gate.

    A refusal is no error: it is a verdict, with its reasons, and the line goes on.

    Args:
        registration: What the step ``register`` wrote.
        evaluation: What the step ``evaluate`` wrote for the same model.
        promotion: Written: ``promoted``, ``version``, ``previous``, ``checks``, ``sentence``.
        promote: The gate.
        tracking: Store and name of the registered model.

    Returns:
        ``promoted`` (1 or 0) and the version number.

    Raises:
        RegionHeadsError: The version is not in the registry or MLflow cannot be reached.
    """
    registered = read_json(registration, writer="register")
    judged = read_json(evaluation, writer="evaluate")
    client = connect(tracking)
    name, version = str(registered["model_name"]), str(registered["version"])
    entry = get_version(client, name, version)
    if entry is None:
        raise RegionHeadsError(
            f"{registration}: version {version} of {name!r} is not in this registry; run the step register first"
        )
    champion = version_of(client, name)
    present = None if champion is None else str(champion.version)
    if present == version:
        # A second run of the line with nothing new: the version won its place before.
        previous = champion_before(client, name, version)
        sentence = f"Version {version} is the champion already; nothing changed."
        verdict = Verdict(promoted=True, checks=[], sentence=sentence)
    else:
        previous = present
        verdict = decide(judged, promote, champion=present, rolled_back=ROLLED_BACK_TAG in entry.tags)
        tag_verdict(client, name, version, verdict.as_json())
        if verdict.promoted:
            move_champion(client, name, version, event="promoted", reason=verdict.sentence)
        else:
            write_refusal(client, name, version, champion=present, reason=verdict.sentence)
    write_json(promotion, {"version": version, "previous": previous, **verdict.as_json()})
    _print(name, version, verdict)
    return {"promoted": float(verdict.promoted), "version": float(version)}


def _print(name: str, version: str, verdict: Verdict) -> None:
    console = Console()
    if verdict.checks:
        table = Table(title=f"Gate for {name} version {version}", title_justify="left", box=None, pad_edge=False)
        for heading in ("", "check", "found", "asked for"):
            table.add_column(heading, justify="right" if heading in ("found", "asked for") else "left")
        for check in verdict.checks:
            mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
            table.add_row(mark, check.name, _figure(check.value), _figure(check.threshold))
        console.print(table)
        for check in verdict.checks:
            if not check.passed:
                console.print(f"[red]✗[/] {check.sentence}", highlight=False)
    console.print(f"[bold]{verdict.sentence}[/]", highlight=False)


def _figure(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.3f}".removesuffix(".000")
