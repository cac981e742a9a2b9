"""The task ``counting``: how many things lie in a place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from region_heads.tasks import measures, slices
from region_heads.tasks.grounding import REGION, Grounded, Role
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


_PLACE = (
    r"(?:buffers?|areas?|zones?|regions?|bays?|frames?|squares?|lanes?|shel(?:f|ves)|racks?|transporters?|forklifts?)"
)
_PLACE_BEFORE = re.compile(
    rf"\b{_PLACE}(?: is| being)?\W+$|"
    r"\b(?:in|inside|within|into|holds?|by|near|nearest|closest|at)(?: \w+)?(?: to)?(?: the)? $",
    re.IGNORECASE,
)
_PLACE_AFTER = re.compile(rf"^,? (?:is|being|as|,) (?:the |a |an )?(?:\w+ ){{0,3}}?{_PLACE}\b", re.IGNORECASE)
_THING_BEFORE = re.compile(r"\b(?:pallets?|box(?:es)?|crates?|loads?|items?|objects?|stacks?)\W+$", re.IGNORECASE)
_HELD_AGAINST = re.compile(r"\b(?:to|by|near|beside|from|than|opposite)(?: \w+){0,2}? ?$", re.IGNORECASE)
_SEPARATORS = re.compile(r"^(?:[\s,;&]|and|plus)*$", re.IGNORECASE)


def counted(text: str, target: Any) -> list[Grounded] | None:
    """The regions that are counted; what selected the place where they lie, and last that place, are anchors.

    "The buffer [Region 1] is the nearest to the shelf [Region 2]. It holds the pallet [Region 0]" gives anchors 2, 1.
    Where the counted things have no masks, the answer names anchors alone.
    """
    roles: dict[int, Role] = {}
    sure: set[int] = set()
    place: int | None = None
    previous_end, previous_role, previous_sure = 0, None, False
    for found in REGION.finditer(text):
        region, before, after = int(found[1]), text[previous_end : found.start()], text[found.end() :]
        role, certain = _counting_role(before, after)
        if previous_role is not None and _SEPARATORS.match(before):
            role, certain = previous_role, previous_sure
        if region not in roles or (certain and region not in sure):
            roles[region] = role
        if certain:
            sure.add(region)
        if role == "anchor" and not _HELD_AGAINST.search(before):
            place = region
        previous_end, previous_role, previous_sure = found.end(), role, certain
    answers = [region for region, role in roles.items() if role == "answer"]
    if answers and target is not None and len(answers) != target:
        raise ValueError(f"expected an answer that names {target} counted regions, found {answers}")
    ordered = sorted(roles, key=lambda region: roles[region] == "anchor" and region == place)
    return [Grounded(region, roles[region]) for region in ordered] or None


def _counting_role(before: str, after: str) -> tuple[Role, bool]:
    if _THING_BEFORE.search(before):
        return "answer", True
    if _PLACE_BEFORE.search(before) or _PLACE_AFTER.search(after):
        return "anchor", True
    return "answer", False


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
