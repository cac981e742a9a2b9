"""The task ``left_right``: on which side of one region another lies."""

import re
from typing import Any

from region_heads.tasks import grounding, measures, slices
from region_heads.tasks.numbers import shown
from region_heads.tasks.task import Task
from region_heads.tasks.wordings import wordings_of

_SIDE_SYNONYMS = {
    "left": "left", "l": "left", "left side": "left", "left-hand side": "left",
    "right": "right", "r": "right", "right side": "right", "right-hand side": "right",
}  # fmt: skip


def parse_side(value: Any) -> str:
    """ "left" or "right"."""
    if isinstance(value, str) and value.strip().lower() in ("left", "right"):
        return value.strip().lower()
    raise ValueError(f'expected "left" or "right", found {shown(value)}')


# The benchmark's rule, from utils/compute_scores.py of the AI City Challenge 2025, track 3.
def _side(value: Any) -> str:
    text = str(value).strip().lower().rstrip(".")
    return _SIDE_SYNONYMS.get(text, text)


def _side_correct(prediction: Any, truth: Any) -> bool:
    return _side(prediction) == _side(truth)


def side_compared(question: str, text: str, target: Any) -> list[grounding.Grounded] | None:
    """The two regions that are compared; the target is the side of the first.

    An answer that says the other side, "[Region 1] is left of [Region 0]" for "right", compares the other way round.
    """
    found = grounding.two_compared(question, text, target)
    text = grounding.last_naming(text)
    said = {side.lower() for side in re.findall(r"left|right", text, re.IGNORECASE)}
    if found is None or target is None or len(said) != 1:
        return found
    # "[Region 0] has [Region 2] on its left": the second's side.
    if (said == {target}) != bool(re.search(r"\b(?:its|whose) (?:left|right)\b", text, re.IGNORECASE)):
        return found
    if re.search(r"\bnot\b|n['’]t\b", text):
        return None
    *anchors, first, second = found
    return [*anchors, second, first]


LEFT_RIGHT = Task(
    name="left_right",
    category="left_right",
    target_column="target_side",
    target_dtype="string",
    flat_field="direction",
    unit="",
    head="region_heads.modeling.heads.pair:LeftRightHead",
    parse=parse_side,
    correct=_side_correct,
    sentence=lambda side: f"It is on the {side}.",
    wordings=wordings_of("left_right"),
    example="Is the pallet <mask> to the left or to the right of the pallet <mask>?",
    grounding=side_compared,
    self_evident=grounding.both_of_two,
    labels=("left", "right"),
    recognises=lambda value: isinstance(value, str) and _side(value) in ("left", "right"),
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"truth": slices.true_answer},
    mix="truth",
    chart="confusion",
)
