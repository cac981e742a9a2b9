"""``region-heads score``: the benchmark's own rule on two files."""

import json
from pathlib import Path
from typing import Annotated

import typer


def score(
    predictions: Annotated[Path, typer.Argument(help="JSON, JSONL, or a predictions.parquet.")],
    truth: Annotated[Path, typer.Argument(help="JSON or JSONL with id and normalized_answer.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score predictions against the truth under the official rule: distance within 10 %, the others exact.

    Both files hold `{"id": …, "normalized_answer": …}`; the ids must match exactly.

    Example: `region-heads score data/predictions.parquet data/sample/test.json`
    """
    from region_heads.evaluation.scoring import score_files

    result = score_files(predictions, truth)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    from rich.table import Table

    from region_heads.console.terminal import plain_console
    from region_heads.evaluation.table import interval, share

    table = Table(title="Official rule", title_justify="left", pad_edge=False, box=None)
    for heading in ("task", "accuracy", "95 % interval", "n"):
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for name, task in result["tasks"].items():
        table.add_row(name, share(task["accuracy"]), interval(task["ci95"]), str(task["n"]))
    table.add_section()
    table.add_row("S1", share(result["score"]), interval(result["score_ci95"]), str(result["n"]))
    console = plain_console()
    console.print(table)
    for name, task in result["tasks"].items():
        own = {key: value for key, value in task.items() if isinstance(value, float) and key != "accuracy"}
        if task.get("calibration"):
            own["calibration error"] = task["calibration"]["ece"]
        if own:
            figures = ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in own.items())
            console.print(f"{name}: {figures}", style="dim")
