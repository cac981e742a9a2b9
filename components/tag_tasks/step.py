"""The step ``tag_tasks``: gives every question its task, its typed target and its grounded regions."""

from __future__ import annotations

from components.ports import InputData, OutputData, OutputPath
from region_heads.tagging.settings import Params
from region_heads.tagging.table import tag_table


def run(
    *, records: InputData, tagged: OutputData, quarantine: OutputPath, report: OutputPath, tag_tasks: Params
) -> dict[str, float]:
    """Gives every question its task: the data set's own label, or what the router reads in its words.

    Args:
        records: The record table (``RECORD_SCHEMA``).
        tagged: Written: the questions with task, target and grounding (``TAGGED_SCHEMA``).
        quarantine: Written: the questions that could not be tagged, whole, with the reason (JSON lines).
        report: Written: tasks and their sources, agreement of labels and router, grounding.
        tag_tasks: Settings of this step.

    Returns:
        Questions tagged and untagged, agreement of the router with the labels, share of grounded answers.

    Raises:
        RegionHeadsError: ``records`` is no record table, or no question could be tagged.
    """
    return tag_table(records=records, tagged=tagged, quarantine=quarantine, report=report, settings=tag_tasks)
