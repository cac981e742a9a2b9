"""The table of true against predicted answers that Kubeflow's page draws."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from region_heads.evaluation.confusion import confusion


def _written(folder: Path, *rows: tuple[str, str | None, str]) -> Path:
    names = ("task", "truth", "prediction")
    table = pa.Table.from_pylist(
        [dict(zip(names, row, strict=True)) for row in rows], schema=pa.schema([(name, pa.string()) for name in names])
    )
    pq.write_table(table, folder / "predictions")
    return folder / "predictions"


def test_answers_of_a_task_stand_together_and_rows_are_the_truth(tmp_path: Path) -> None:
    answers, matrix = confusion(
        _written(
            tmp_path,
            ("left_right", '"left"', '"right"'),
            ("left_right", '"left"', '"left"'),
            ("left_right", '"right"', '"right"'),
            ("counting", "10", "2"),
            ("counting", None, "2"),  # without an answer nothing can be confused
            ("distance", "1.5", "1.4"),  # numbers without end are drawn elsewhere
        )
    )
    assert answers == ["counting: 2", "counting: 10", "left_right: left", "left_right: right"]
    assert matrix == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 1]]


def test_a_table_that_nobody_can_read_is_left_out(tmp_path: Path) -> None:
    assert confusion(_written(tmp_path, *[("counting", str(count), "0") for count in range(30)])) == ([], [])
    assert confusion(_written(tmp_path)) == ([], [])
