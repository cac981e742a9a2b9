"""A record table in, a tagged table out: every question with its task, its typed target and its grounded regions."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from region_heads.console.progress import progress_bar
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import file_digest
from region_heads.files.inputs import open_table
from region_heads.files.output import whole_file, write_json
from region_heads.files.tables import TableWriter
from region_heads.parallel import cores, in_order
from region_heads.records import RECORD_SCHEMA, TAGGED_SCHEMA
from region_heads.tagging.classifier import WordingClassifier
from region_heads.tagging.examples import read_examples
from region_heads.tagging.report import RouterReport
from region_heads.tagging.settings import Params
from region_heads.tagging.tagger import READ, Tagger
from region_heads.tagging.teaching import teach

_SHARE = 50_000  # questions for which another process is worth its start


def tag_table(*, records: Path, tagged: Path, quarantine: Path, report: Path, settings: Params) -> dict[str, Any]:
    """Gives every question its task: the data set's own label, or what the router reads in its words.

    Args:
        records: The record table (``RECORD_SCHEMA``).
        tagged: Written: the questions with task, target and grounding (``TAGGED_SCHEMA``).
        quarantine: Written: the questions that could not be tagged, whole, with the reason (JSON lines).
        report: Written: tasks and their sources, agreement of labels and router, grounding and where it is uneven.
        settings: How tasks are found.

    Returns:
        The report; :func:`check_tagged` raises where no question has a task.

    Raises:
        RegionHeadsError: ``records`` is no record table, or the file of examples is none.
    """
    examples = read_examples(settings.examples) if settings.examples else []
    figures = RouterReport()
    with (
        open_table(records, RECORD_SCHEMA, writer="validate") as file,
        whole_file(tagged) as tagged_file,
        whole_file(quarantine) as quarantine_file,
        TableWriter(tagged_file, TAGGED_SCHEMA, records=file_digest(records)) as writer,
        quarantine_file.open("w", encoding="utf-8") as untagged,
        progress_bar("tagging", total=file.metadata.num_rows, unit="questions") as bar,
    ):
        taught, labels = teach(file, examples) or (None, None)
        tagger = Tagger(settings, WordingClassifier(examples) if examples else None, taught)
        processes = min(settings.workers or cores(), 1 + file.metadata.num_rows // _SHARE)
        questions = (file.read_row_group(group, columns=READ) for group in range(file.num_row_groups))
        tags = in_order(tagger, questions, processes=processes, doing="tagging questions")
        for group, (_, found) in enumerate(tags):
            table = file.read_row_group(group).select(RECORD_SCHEMA.names).combine_chunks()
            kept = table.take(pa.array(found.rows, pa.int64())).to_batches() if found.rows else []
            for record_columns in kept:
                columns = [*record_columns.columns, *found.columns.columns]
                writer.add(pa.RecordBatch.from_arrays(columns, schema=TAGGED_SCHEMA))
            for row, error in found.untagged.items():
                record = table.slice(row, 1).to_pylist()[0]
                untagged.write(json.dumps({"reason": str(error), "kind": error.kind, "record": record}) + "\n")
            figures.add(found.report)
            bar.advance(table.num_rows)
    content = figures.content() | {"taught_by": {"examples": len(examples), "labels": labels}}
    write_json(report, content)
    figures.show(quarantine, content["taught_by"])
    return content


def check_tagged(content: Mapping[str, Any], *, records: Path, quarantine: Path) -> None:
    """Raises a :class:`RegionHeadsError` where none of the questions of a report could be tagged."""
    if content["tagged"] == 0 and content["questions"] > 0:
        raise RegionHeadsError(
            f"{records}: none of {content['questions']} questions could be tagged; {quarantine} has the reasons"
        )
