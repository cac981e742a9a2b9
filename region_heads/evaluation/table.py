"""The evaluation as a table for the person watching."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from region_heads.console.terminal import plain_console


def print_evaluation(content: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints per task: accuracy with interval, trivial baseline, n, seen and novel wordings; then S1."""
    console = console or plain_console()
    champion = content["champion"]
    table = Table(title="Test split, official rule", title_justify="left", pad_edge=False, box=None)
    table.add_column("task", no_wrap=True)
    headings = ["accuracy", "95 %", "baseline", "beaten", "seen", "novel", "n"]
    for heading in headings + ([f"v{champion['version']}"] if champion else []):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, task in content["tasks"].items():
        cells: list[str | Text] = [
            share(task["accuracy"]),
            interval(task["ci95"]),
            share(task["baseline"]),
            {True: Text("yes", "green"), False: Text("no", "red"), None: Text("-")}[task["beats_baseline"]],
            *(share(part["tasks"][name]["accuracy"]) for part in content["wordings"].values()),
            str(task["n"]),
        ]
        table.add_row(name, *cells, *([share(champion["tasks"][name]["accuracy"])] if champion else []))
    table.add_section()
    table.add_row(
        Text("S1", "bold"),
        Text(share(content["score"]), "bold"),
        interval(content["score_ci95"]),
        "",
        "",
        *(share(part["score"]) for part in content["wordings"].values()),
        str(content["n"]),
        *([share(champion["score"])] if champion else []),
    )
    console.print(table)
    console.print(
        "beaten: the 95 % intervals of accuracy and baseline do not overlap; "
        "seen/novel: wordings that training holds or does not",
        style="dim",
    )
    for warning in content["warnings"]:
        console.print(warning, style="yellow")


def share(value: float | None) -> str:
    """A share as ``.873``, a dash for none."""
    return "-" if value is None else f"{value:.3f}".removeprefix("0") if value < 1 else "1.00"


def interval(bounds: Sequence[float] | None) -> str:
    """An interval as ``.851-.894``, a dash for none."""
    return "-" if bounds is None else f"{share(bounds[0])}-{share(bounds[1])}"
