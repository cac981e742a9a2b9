"""Groundings that would teach a bias are left out of the training split: see :mod:`region_heads.tasks.evenness`."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from region_heads.tasks import TASKS, Task
from region_heads.tasks.evenness import Evenness


def even_grounding(table: pa.Table) -> pa.Table:
    """The table without some groundings of the tasks in which the grounded answers are not like all.

    The questions stay, ungrounded: their heads learn from the answer alone. Which ones does not depend on chance.
    """
    if "grounding" not in table.column_names:
        return table
    dropped = np.zeros(table.num_rows, dtype=bool)
    for task in TASKS:
        if task.target_column in table.column_names:
            dropped[_uneven_rows(table, task)] = True
    if not dropped.any():
        return table
    kept = pa.array(np.arange(table.num_rows), mask=dropped)
    for name in ("grounding", "grounding_roles"):
        table = table.set_column(table.column_names.index(name), table.field(name), table[name].take(kept))
    return table


def _uneven_rows(table: pa.Table, task: Task) -> list[int]:
    """Rows of a task whose grounding is left out."""
    chosen = pc.and_(pc.equal(table["task"], task.name), pc.is_valid(table[task.target_column]))
    rows = np.flatnonzero(chosen.to_numpy())
    asked = table.select(["question", task.target_column]).take(pa.array(rows))
    is_grounded = table["grounding"].is_valid().to_numpy()
    evenness, grounded = Evenness(), defaultdict(list)
    for row, question, target in zip(rows.tolist(), *(column.to_pylist() for column in asked.columns), strict=True):
        kind = task.grounding_kind(question, target)
        evenness.note(kind, grounded=bool(is_grounded[row]))
        if is_grounded[row]:
            grounded[kind].append(row)
    dropped: list[int] = []
    for kind, number in evenness.taught().items():
        places = np.linspace(0, len(grounded[kind]) - 1, number).round().astype(int)  # all over the table
        dropped += np.delete(grounded[kind], places).tolist()
    return dropped
