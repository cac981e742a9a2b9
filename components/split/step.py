"""The step ``split``: train, validation and test, with no picture in two of them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.inputs import read_table
from components.output import whole_folder, write_json
from components.ports import InputPath, OutputPath
from components.split.assignment import SPLITS, Picture, assign
from components.split.balance import over_the_cap
from components.split.params import Params
from components.split.report import headline, print_report, report_content
from components.split.wording import wording
from region_heads.errors import RegionHeadsError
from region_heads.records import SPLIT_SCHEMA, TAGGED_SCHEMA

HELD_BACK, PREDICT = "held_back", "predict"


def split(*, tagged: InputPath, splits: OutputPath, report: OutputPath, split: Params) -> dict[str, float]:
    """Shares the questions out by picture, balances the training split, and tells how the splits differ.

    Args:
        tagged: The tagged questions (``TAGGED_SCHEMA``).
        splits: Written: a folder of tables (``SPLIT_SCHEMA``): ``train``, ``val``, ``test``, ``held_back``
            (training questions over the cap of their task) and ``predict`` (questions without an answer). Each
            question is in exactly one of them.
        report: Written: counts, answers, drift, wordings, conflicts.
        split: Settings of this step.

    Returns:
        Questions and pictures of each split, questions held back, and the largest drift.

    Raises:
        RegionHeadsError: ``tagged`` is no such table, there are too few pictures, or a split would miss a task.
    """
    table = read_table(tagged, TAGGED_SCHEMA, writer="tag_tasks").select(TAGGED_SCHEMA.names)
    if table.num_rows == 0:
        raise RegionHeadsError(f"{tagged}: expected questions, found none; see the reports of the steps before")
    targets = [name for name in table.column_names if name.startswith("target_")]
    columns = table.select(["id", "image", "source_split", "task", "question", *targets]).to_pydict()
    answered = [any(columns[name][row] is not None for name in targets) for row in range(table.num_rows)]
    shares = {"train": split.train, "val": split.val, "test": split.test}
    pictures = _pictures(columns, answered)
    assignment = assign(pictures, shares, seed=split.seed, keep=split.source_splits == "keep")

    places = [
        assignment.split[image] if has else PREDICT for image, has in zip(columns["image"], answered, strict=True)
    ]
    training = [row for row, place in enumerate(places) if place == "train"]
    for number in over_the_cap(
        [columns["id"][row] for row in training],
        [columns["task"][row] for row in training],
        ratio=split.max_task_ratio,
        seed=split.seed,
    ):
        places[training[number]] = HELD_BACK
    wordings = [wording(question) for question in columns["question"]]
    known = {words for words, place in zip(wordings, places, strict=True) if place == "train"}
    table = table.append_column("wording", pa.array(wordings, pa.string()))
    table = table.append_column("novel_wording", pa.array([words not in known for words in wordings], pa.bool_()))
    table = table.cast(SPLIT_SCHEMA)

    tables = {
        name: table.filter(pa.array([place == name for place in places])) for name in (*SPLITS, HELD_BACK, PREDICT)
    }
    if sum(part.num_rows for part in tables.values()) != table.num_rows:
        raise AssertionError(f"{table.num_rows} questions read, {places} placed")
    content = report_content(tables, assignment, max_task_ratio=split.max_task_ratio)
    with whole_folder(splits) as folder:
        for name, part in tables.items():
            pq.write_table(part, folder / f"{name}.parquet", compression="zstd")
    write_json(report, content)
    print_report(content)
    return headline(content)


def _pictures(columns: dict[str, list[Any]], answered: list[bool]) -> dict[str, Picture]:
    sources, tasks = defaultdict(set), defaultdict(set)
    for image, source, task, has in zip(
        columns["image"], columns["source_split"], columns["task"], answered, strict=True
    ):
        sources[image].add(source)
        if has:
            tasks[image].add(task)
    return {image: Picture(frozenset(sources[image] - {""}), frozenset(tasks[image])) for image in sources}
