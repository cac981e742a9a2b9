"""The step ``tag_tasks``: gives every question its task, its typed target and its grounded regions."""

import json

from components.ports import InputData, OutputData, OutputPage, OutputPath
from region_heads.files.output import whole_file
from region_heads.report.tags import render
from region_heads.tagging.settings import Params
from region_heads.tagging.table import tag_table


def run(
    *, records: InputData, tagged: OutputData, quarantine: OutputPath, report: OutputPath, page: OutputPage,
    tag_tasks: Params,
) -> dict[str, float]:  # fmt: skip
    """Gives every question its task: the data set's own label, or what the router reads in its words.

    Ports and figures are those of :func:`region_heads.tagging.table.tag_table`; ``page`` shows the report.
    """
    figures = tag_table(records=records, tagged=tagged, quarantine=quarantine, report=report, settings=tag_tasks)
    with whole_file(page) as partial:
        partial.write_text(render(json.loads(report.read_text(encoding="utf-8"))), encoding="utf-8")
    return figures
