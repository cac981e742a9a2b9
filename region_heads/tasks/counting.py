"""The task ``counting``: how many things lie in a place."""

from collections.abc import Sequence
from typing import Any

from region_heads.tasks import measures, slices
from region_heads.tasks.counted import counted, known_count, share_counted
from region_heads.tasks.numbers import as_number, given_number, shown
from region_heads.tasks.task import Task
from region_heads.tasks.wordings import wordings_of

LARGEST_COUNT = 1000
"""Largest count that is taken for one; a head has a class for each."""

MAX_COUNT = 16
"""Largest count that a head can say where its training data has none above it; the public set's are 1 to 4."""


def parse_count(value: Any) -> int:
    """A whole number."""
    number = given_number(value)
    if number is None or not 0 <= number <= LARGEST_COUNT or number != int(number):
        raise ValueError(f"expected a whole count from 0 to {LARGEST_COUNT:,}, found {shown(value)}")
    return int(number)


def head_sizes(counts: Sequence[int]) -> dict[str, int]:
    """A class for each count up to the largest of the training data."""
    return {"max_count": max(MAX_COUNT, *counts)} if counts else {"max_count": MAX_COUNT}


# The benchmark's rule, from utils/compute_scores.py of the AI City Challenge 2025, track 3.
def _count_correct(prediction: Any, truth: Any) -> bool:
    p, t = as_number(prediction), as_number(truth)
    return p is not None and t is not None and int(p) == int(t)


COUNTING = Task(
    name="counting",
    category="count",
    target_column="target_count",
    target_dtype="int32",
    flat_field="count",
    unit="",
    head="region_heads.modeling.heads.counting:CountingHead",
    head_sizes=head_sizes,
    parse=parse_count,
    correct=_count_correct,
    sentence=lambda count: f"The count is {count}.",
    wordings=wordings_of("counting"),
    example="How many of the pallets <mask> <mask> are inside the buffer region <mask>?",
    grounding=counted,
    self_evident=known_count,
    grounding_kind=share_counted,
    recognises=lambda value: type(value) is int and value > 0,
    measures={
        "mse": measures.mean_squared_error,
        "mae": measures.mean_absolute_error,
        "macro_accuracy": measures.macro_accuracy,
    },
    slices={"truth": slices.true_answer},
    mix="regions",  # rather than the true answer, of which the highest occur once or twice
    chart="confusion",
)
