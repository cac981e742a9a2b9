"""Which slices each question belongs to; read by the evaluation and by the report alike."""

from collections.abc import Sequence

from region_heads.evaluation.cameras import cameras
from region_heads.evaluation.slices import GENERAL
from region_heads.tasks import Task
from region_heads.tasks.slices import Row

CAMERA = "camera"


def slice_labels(tasks: Sequence[str], rows: Sequence[Row], *, camera: str = "") -> dict[str, list[str | None]]:
    """The label of each question in each slice.

    Args:
        tasks: The questions' tasks, by name.
        rows: The questions with their truths.
        camera: Regular expression for the slice by camera (see ``cameras``); "": no such slice.

    Returns:
        Slice name to one label for each question, None for a question that the slice does not cover. A slice of
        the same name in two tasks is one slice here; which task a question has tells them apart.

    Raises:
        RegionHeadsError: ``camera`` is no regular expression, or fits no picture.
    """
    labels: dict[str, list[str | None]] = {name: [cut(row) for row in rows] for name, cut in GENERAL.items()}
    if camera:
        labels[CAMERA] = list(cameras([row.image for row in rows], camera))
    for number, (task, row) in enumerate(zip(tasks, rows, strict=True)):
        for name, cut in Task.of(task).slices.items():
            labels.setdefault(name, [None] * len(rows))[number] = cut(row)
    return labels
