"""Which answer was given for which: the table that Kubeflow's page draws beside the figures."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from region_heads.tasks import TASKS

_MOST = 24  # answers; a larger table cannot be read


def confusion(predictions: Path) -> tuple[list[str], list[list[int]]]:
    """Counts of true answers (rows) against predicted ones (columns), for all tasks whose answers can be listed.

    Args:
        predictions: The table that this step writes.

    Returns:
        The answers, and one row for each of them; a task's answers stand together. Both empty where there are none.
    """
    drawn = {task.name for task in TASKS if task.chart == "confusion"}
    table = pq.read_table(predictions, columns=["task", "truth", "prediction"]).to_pylist()
    counts = Counter(
        (_named(row["task"], row["truth"]), _named(row["task"], row["prediction"]))
        for row in table
        if row["task"] in drawn and row["truth"] is not None
    )
    answers = sorted(
        {answer for pair in counts for answer in pair}, key=lambda answer: (answer[0], len(answer[1]), answer)
    )
    if len(answers) > _MOST:
        return [], []
    matrix = [[counts[true, predicted] for predicted in answers] for true in answers]
    return [f"{task}: {answer}" for task, answer in answers], matrix


def _named(task: str, answer: str) -> tuple[str, str]:
    try:
        return task, str(json.loads(answer))
    except ValueError:
        return task, answer
