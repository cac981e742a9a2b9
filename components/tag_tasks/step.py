"""The step ``tag_tasks``: gives every question its task, its typed target and its grounded regions."""

from components.ports import InputData, OutputData, OutputPath
from region_heads.tagging.settings import Params
from region_heads.tagging.table import tag_table


def run(
    *, records: InputData, tagged: OutputData, quarantine: OutputPath, report: OutputPath, tag_tasks: Params
) -> dict[str, float]:
    """Gives every question its task: the data set's own label, or what the router reads in its words.

    Ports and figures are those of :func:`region_heads.tagging.table.tag_table`.
    """
    return tag_table(records=records, tagged=tagged, quarantine=quarantine, report=report, settings=tag_tasks)
