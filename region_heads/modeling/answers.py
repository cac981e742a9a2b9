"""Head outputs as plain answers: metres, sides, regions and counts."""

from collections.abc import Mapping

from region_heads.modeling.heads import HeadOutput
from region_heads.tasks import Answer, Task


def answers(outputs: Mapping[str, HeadOutput]) -> dict[str, list[Answer]]:
    """Each task's answers as Python values, in the order of the batch's slice."""
    return {name: [Task.of(name).of_class(value) for value in given.answer.tolist()] for name, given in outputs.items()}
