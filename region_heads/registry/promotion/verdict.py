"""The gate's verdict for people: a table on the terminal, a page in Markdown, tags of the version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from region_heads.console.terminal import plain_console
from region_heads.registry.promotion.gate import Check, Verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient


def print_verdict(name: str, version: str, verdict: Verdict) -> None:
    """Prints every check, what those that failed mean, and the sentence that sums it up."""
    console = plain_console()
    if verdict.checks:
        table = Table(title=f"Gate for {name} version {version}", title_justify="left", box=None, pad_edge=False)
        for heading in ("", "check", "found", "asked for"):
            table.add_column(heading, justify="right" if heading in ("found", "asked for") else "left")
        for check in verdict.checks:
            mark = Text("✓", "green") if check.passed else Text("✗", "red")
            table.add_row(mark, check.name, _figure(check.value), _asked(check))
        console.print(table)
        for check in verdict.checks:
            if not check.passed:
                console.print(Text("✗", "red"), check.sentence)
    console.print(verdict.sentence, style="bold")


def markdown(name: str, version: str, verdict: Verdict) -> str:
    """The verdict as a page: the sentence first, then every check with what it found."""
    decision = "is promoted" if verdict.promoted else "is not promoted"
    lines = [f"# {_escaped(name)} version {version} {decision}", "", _escaped(verdict.sentence)]
    if verdict.checks:
        lines += ["", "| | check | found | asked for | in words |", "|---|---|---|---|---|"]
    for check in verdict.checks:
        cells = ("✓" if check.passed else "✗", check.name, _figure(check.value), _asked(check), check.sentence)
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def tag_version(client: MlflowClient, name: str, version: str, verdict: Verdict) -> None:
    """Writes the verdict onto the version: ``gate``, ``gate_sentence``, ``gate_report`` (JSON)."""
    report = [
        {"name": check.name, "passed": check.passed, "value": check.value, "threshold": check.threshold}
        for check in verdict.checks
    ]
    tags = {
        "gate": "passed" if verdict.promoted else "refused",
        "gate_sentence": verdict.sentence,
        # Older servers hold 5,000 characters in a tag; the whole report is in promotion.json.
        "gate_report": json.dumps(report, ensure_ascii=False)[:4900],
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)


def _asked(check: Check) -> str:
    sign = {"at least": "≥ ", "above": "> "}.get(check.asked, "")
    return sign + _figure(check.threshold)


def _figure(value: float | str | None) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.3f}".removesuffix(".000")


def _escaped(text: str) -> str:
    """Text that is neither markup nor the end of a table's cell."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
