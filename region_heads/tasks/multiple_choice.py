"""The task ``multiple_choice``: one region out of several."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from region_heads.tasks import baselines, measures
from region_heads.tasks.grounding import Grounded, distinct
from region_heads.tasks.listing import runs
from region_heads.tasks.mentions import REGION, Mention, mentions_of
from region_heads.tasks.numbers import shown
from region_heads.tasks.slices import Row
from region_heads.tasks.task import Task
from region_heads.tasks.wordings import wordings_of


def parse_index(value: Any) -> int:
    """The region's number: a digit string in the public set, an integer in the flat format, or its name in answers."""
    found = re.fullmatch(r"\s*(?:\[?[Rr]egion )?([0-9]{1,6})\]?\s*", value) if isinstance(value, str) else None
    if found:
        return int(found[1])
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**6 and value == int(value):
        return int(value)  # decimal where a column of a table lacks some
    raise ValueError(f'expected a region index such as "2", found {shown(value)}')


def _names_a_region(target: Any, regions: int) -> str:
    return "" if target < regions else f"expected a region from 0 to {regions - 1}, found {target}"


# The benchmark's rule, from utils/compute_scores.py of the AI City Challenge 2025, track 3.
def _region_correct(prediction: Any, truth: Any) -> bool:
    def digits(value: Any) -> str | None:
        found = re.search(r"\d+", str(value))
        return (found.group().lstrip("0") or "0") if found else None

    p, t = digits(prediction), digits(truth)
    return p is not None and p == t


_SUPERLATIVE = re.compile(
    r"^[^.\[\]]*?\b(?:\w*most|closest|nearest|shortest|best|farthest|furthest|optimal|ideal|smallest|picked|chosen)\b",
    re.IGNORECASE,
)
_NEXT_TO = re.compile(r"\b(?:nearest|closest|farthest|furthest|way|distance)\b[^,;.]{0,24}$", re.IGNORECASE)
_THAN = re.compile(r"\bthan(?: [\w-]+){0,3} ?$", re.IGNORECASE)
_ONWARD = re.compile(r"\b(?:to|from|of|than|with|beside|near|by|behind) (?:it|that|this|which)\b", re.IGNORECASE)


def chosen(question: str, text: str, target: Any) -> list[Grounded] | None:
    """The region that is chosen, and those that it was held against: the transporter, the shelf.

    Candidates that are merely listed ("Among the pallets [Region 0], [Region 1] and [Region 2], ...") have no
    part in the answer, and neither have those that the chosen one is compared with.
    """
    found = mentions_of(text)
    named = distinct([one.region for one in found])
    if not named:
        return None
    choice = target if target is not None else _choice(text)
    if choice is None:
        return None
    if choice not in named:
        raise ValueError(f"expected an answer that names the chosen region {choice}, found {named}")
    candidates = next((run.regions for run in runs(question) if choice in run.regions), ())
    spoken_of = {one.region for one in found if one.standing in ("plain", "open")}
    if choice not in spoken_of and spoken_of & {*candidates}:
        raise ValueError(f"expected an answer that chooses region {choice}, found one that holds others against it")
    anchors = {
        one.region for one in found if one.region != choice and (one.region not in candidates or _step(one, text))
    }
    anchors -= _compared(found) if anchors - _compared(found) else set()
    return [
        Grounded(region, "answer" if region == choice else "anchor")
        for region in named
        if region == choice or region in anchors
    ]


def self_chosen(_question: str, target: Any) -> list[Grounded] | None:
    """The chosen region, which the target itself names."""
    return None if target is None else [Grounded(target, "answer")]


def _choice(text: str) -> int | None:
    """The region that the text says is the outermost, nearest or best, where it says so of one alone."""
    found = [
        int(place[1])
        for place, one in zip(REGION.finditer(text), mentions_of(text), strict=True)
        if one.standing in ("plain", "open") and _SUPERLATIVE.match(text[place.end() :])
    ]
    return found[-1] if found else None


def _compared(found: list[Mention]) -> set[int]:
    """Regions that are nowhere named but behind "than": "the jug [Region 4] is larger than [Region 3]"."""
    return {one.region for one in found} - {one.region for one in found if not _THAN.search(one.before)}


def _step(mention: Mention, text: str) -> bool:
    """Whether another candidate led to the choice: "the leftmost is [Region 2]; nearest to it is [Region 5]"."""
    if mention.standing == "reference":
        return _NEXT_TO.search(mention.before) is not None
    return mention.standing == "plain" and _ONWARD.search(text) is not None


def frequent_region_or_guess(
    truths: Sequence[Any], n_regions: Sequence[int], correct: baselines.Rule
) -> baselines.Baseline:
    """The stronger one, on the training split, of the most frequent index and a guess among the regions."""
    frequent = baselines.most_frequent_answer(truths, n_regions, correct)
    guess = baselines.Baseline(
        name="a guess among the regions",
        credit=lambda _, regions: 1 / regions if regions > 0 else 0.0,
    )
    scores = [
        np.mean([baseline.credit(t, n) for t, n in zip(truths, n_regions, strict=True)])
        for baseline in (frequent, guess)
    ]
    return frequent if scores[0] >= scores[1] else guess


def choice_kind(row: Row) -> str:
    """What a choice is about: the share of transporter questions differs widely between public splits."""
    text = row.question.lower()
    if re.search(r"\b(transporter|forklift|truck|vehicle|carrier)s?\b", text):
        return "for a transporter"
    if re.search(r"left\W?most|right\W?most|farthest (to the )?(left|right)|\b(left|right)\b", text):
        return "leftmost or rightmost"
    return "other"


MULTIPLE_CHOICE = Task(
    name="multiple_choice",
    category="mcq",
    target_column="target_region",
    target_dtype="int32",
    flat_field="selected_region_idx",
    unit="region",
    head="region_heads.modeling.heads.multiple_choice:MultipleChoiceHead",
    parse=parse_index,
    correct=_region_correct,
    sentence=lambda region: f"The answer is [Region {region}].",
    wordings=wordings_of("multiple_choice"),
    example="Which of the pallets <mask> <mask> <mask> is the leftmost?",
    grounding=chosen,
    self_evident=self_chosen,
    names_region=True,
    fits=_names_a_region,
    recognises=lambda value: isinstance(value, str) and value.strip().isdecimal(),
    baseline=frequent_region_or_guess,
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"kind": choice_kind},
    mix="kind",
)
