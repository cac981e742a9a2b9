"""Questions whose grounding would teach a bias are learned from their answers alone."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from region_heads.tasks import Task
from region_heads.training.even_grounding import even_grounding

ASKED = f"Of the cubes {'<mask> ' * 4}, how many are left of the ball <mask>?"


def counting(*answers: tuple[int, bool]) -> pa.Table:
    """Counting questions with these counts, grounded or not."""
    groundings = [list(range(count)) if grounded else None for count, grounded in answers]
    return pa.table({
        "task": ["counting"] * len(answers), "question": [ASKED] * len(answers),
        "target_count": pa.array([count for count, _ in answers], pa.int32()),
        "grounding": pa.array(groundings, pa.list_(pa.int32())),
        "grounding_roles": pa.array([g and ["answer"] * len(g) for g in groundings], pa.list_(pa.string())),
    })  # fmt: skip


def grounded(table: pa.Table) -> Counter[int]:
    rows = table.to_pylist()
    assert all((row["grounding"] is None) == (row["grounding_roles"] is None) for row in rows)
    return Counter(row["target_count"] for row in rows if row["grounding"] is not None)


def test_counts_of_all_alone_are_left_out() -> None:
    table = counting(*[(4, True)] * 40, *[(1, False)] * 200, *[(3, False)] * 100)
    found = even_grounding(table)
    assert grounded(found) == {}
    assert found.drop(["grounding", "grounding_roles"]) == table.drop(["grounding", "grounding_roles"])


def test_each_kind_of_count_is_grounded_as_often_as_the_rarest() -> None:
    table = counting(*[(4, True)] * 100, *[(1, True)] * 50, *[(1, False)] * 150, *[(0, True)] * 40, *[(0, False)] * 40)
    assert grounded(even_grounding(table)) == {4: 25, 1: 50, 0: 20}
    assert even_grounding(table).equals(even_grounding(table))


def test_an_even_grounding_and_other_tasks_stay_as_they_are(table: pa.Table) -> None:
    assert even_grounding(table).equals(table)
    all_grounded = counting(*[(4, True)] * 100, *[(1, True)] * 50)
    assert even_grounding(all_grounded).equals(all_grounded)
    assert even_grounding(table.drop(["grounding"])).equals(table.drop(["grounding"]))
    empty = table.slice(0, 0)
    assert even_grounding(empty).equals(empty)


def test_counts_of_things_without_masks_are_of_no_kind() -> None:
    kind = Task.of("counting").grounding_kind
    assert kind("The trays are <mask> <mask>. How many cubes lie in the left one?", 1) == ""
    assert [kind(ASKED, count) for count in range(5)] == [
        "none", "fewer than half", "half or more", "half or more", "all"
    ]  # fmt: skip
