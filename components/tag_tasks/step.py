"""The step ``tag_tasks``: gives every question its task, its typed target and its grounded regions."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq

from components.inputs import open_table
from components.output import whole_file, write_json
from components.ports import InputPath, OutputPath
from components.tag_tasks.params import Params
from components.tag_tasks.report import RouterReport
from components.tag_tasks.tagging import UntaggedError, tagged_row
from region_heads.errors import RegionHeadsError
from region_heads.records import RECORD_SCHEMA, TAGGED_SCHEMA

_BATCH = 2048


def tag_tasks(
    *, records: InputPath, tagged: OutputPath, quarantine: OutputPath, report: OutputPath, tag_tasks: Params
) -> dict[str, float]:
    """Gives every question its task: the data set's own label, or what the grammar reads in its words.

    Args:
        records: The record table (``RECORD_SCHEMA``).
        tagged: Written: the questions with task, target and grounding (``TAGGED_SCHEMA``).
        quarantine: Written: the questions that could not be tagged, whole, with the reason (JSON lines).
        report: Written: tasks and their sources, agreement of labels and grammar, grounding.
        tag_tasks: Settings of this step.

    Returns:
        Questions tagged and untagged, agreement of the grammar with the labels, share of grounded answers.

    Raises:
        RegionHeadsError: ``records`` is no record table, or no question could be tagged.
    """
    figures = RouterReport()
    with (
        open_table(records, RECORD_SCHEMA, writer="validate") as file,
        whole_file(tagged) as tagged_file,
        whole_file(quarantine) as quarantine_file,
        pq.ParquetWriter(tagged_file, TAGGED_SCHEMA, compression="zstd") as writer,
        quarantine_file.open("w", encoding="utf-8") as untagged,
    ):
        for batch in file.iter_batches(_BATCH):
            rows = []
            for record in batch.to_pylist():
                try:
                    rows.append(tagged_row(record, figures, min_confidence=tag_tasks.min_confidence))
                except UntaggedError as error:
                    figures.untagged(error)
                    untagged.write(json.dumps({"reason": str(error), "kind": error.kind, "record": record}) + "\n")
            writer.write_table(pa.Table.from_pylist(rows, schema=TAGGED_SCHEMA))
    content = figures.content()
    write_json(report, content)
    figures.show(quarantine)
    if content["tagged"] == 0 and content["questions"] > 0:
        raise RegionHeadsError(
            f"{records}: none of {content['questions']} questions could be tagged; {quarantine} says why for each"
        )
    return figures.headline()
