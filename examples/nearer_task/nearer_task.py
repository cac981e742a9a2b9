"""The task ``nearer``: which of two regions is nearer to the camera. Importing it loads no PyTorch."""

from typing import Any

from region_heads.tasks import grounding, measures, slices
from region_heads.tasks.task import Task


def parse(value: Any) -> str:
    """The typed answer of what a record holds.

    Raises:
        ValueError: It is none.
    """
    if value not in ("nearer", "farther"):
        raise ValueError(f'expected "nearer" or "farther", found {value!r}')
    return str(value)


NEARER = Task(
    name="nearer",
    category="depth_order",
    target_column="target_nearer",
    target_dtype="string",
    flat_field="nearer",
    unit="",
    head="nearer_head:NearerHead",
    parse=parse,
    correct=lambda prediction, truth: prediction == truth,
    sentence=lambda answer: f"It is {answer}.",
    example="Is the pallet <mask> nearer to the camera than the pallet <mask>, or farther?",
    wordings=(
        "Is the pallet <mask> nearer to the camera than the shelf <mask>, or farther?",
        "Does <mask> stand nearer to the camera than <mask>?",
        "Is <mask> nearer to the camera than <mask>?",
        "Is the pallet <mask> nearer to the camera than the pallet <mask>?",
        "Compared with <mask>, is <mask> nearer to or farther from the camera?",
    ),
    labels=("nearer", "farther"),
    grounding=grounding.two_compared,
    self_evident=grounding.both_of_two,
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"truth": slices.true_answer},
    mix="truth",
    chart="confusion",
)
