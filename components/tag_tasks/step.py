"""The step ``tag_tasks``: gives every question its task, its typed target and its grounded regions."""

from components.ports import InputData, OutputData, OutputPage, OutputPath
from region_heads.report.tags import write_page
from region_heads.tagging.report import headline
from region_heads.tagging.settings import Params
from region_heads.tagging.table import check_tagged, tag_table


def run(
    *, records: InputData, tagged: OutputData, quarantine: OutputPath, report: OutputPath, page: OutputPage,
    tag_tasks: Params,
) -> dict[str, float]:  # fmt: skip
    """Gives every question its task: the data set's own label, or what the router reads in its words.

    Ports are those of :func:`region_heads.tagging.table.tag_table`; ``page`` shows the report.

    Returns:
        Questions tagged and untagged, agreement of the router with the labels, share of grounded answers, tasks whose
        grounded answers are not like all.
    """
    content = tag_table(records=records, tagged=tagged, quarantine=quarantine, report=report, settings=tag_tasks)
    write_page(content, page)
    check_tagged(content, records=records, quarantine=quarantine)
    return headline(content)
