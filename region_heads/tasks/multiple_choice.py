"""The task ``multiple_choice``: one region out of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from region_heads.tasks import baselines, measures
from region_heads.tasks.grounding import REGION, SENTENCE_END, Grounded, distinct, mentions
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


_ENUMERATION = re.compile(r"\b(?:among|amongst|of|out of|from|between|considering|given|comparing)\b", re.IGNORECASE)
_CHOSEN = re.compile(
    r"#(\d+)#,? (?:(?:that|which|clearly|now) )?(?:is|lies|sits|stands|appears|would be|should be|has|wins)\b[^.#]*?"
    r"\b(?:\w*most|closest|nearest|shortest|best|farthest|furthest|optimal|ideal|right|left|smallest|picked|chosen)\b",
    re.IGNORECASE,
)


def chosen(text: str, target: Any) -> list[Grounded] | None:
    """The region that is chosen, and those that it was held against: the transporter, the shelf.

    Candidates that are merely listed ("Among the pallets [Region 0], [Region 1] and [Region 2], ...") have no
    part in the answer.
    """
    marked = REGION.sub(lambda found: f"#{int(found[1])}#", text)
    found = _CHOSEN.findall(marked)
    mentioned = distinct(mentions(text))
    if not mentioned:
        return None
    choice = int(found[-1]) if found else None
    if target is not None:
        if target not in mentioned:
            raise ValueError(f"expected an answer that names the chosen region {target}, found {mentioned}")
        choice = target if choice is None or choice in _listed(marked) else choice
        if choice != target:
            raise ValueError(f"expected an answer that chooses region {target}, found one that chooses {choice}")
    if choice is None:
        return None
    listed = _listed(marked)
    return [
        Grounded(region, "answer" if region == choice else "anchor")
        for region in mentioned
        if region == choice or region not in listed
    ]


def _listed(marked: str) -> set[int]:
    """Regions of an enumeration at the head of a sentence, up to the last comma before its verb."""
    listed: set[int] = set()
    for sentence in SENTENCE_END.split(marked):
        opening = _ENUMERATION.match(sentence.lstrip())
        clauses = re.split(r"\b(?:is|are|has|lies|sits|stands|appears)\b", sentence, maxsplit=1)[0].rpartition(",")[0]
        regions = {int(region) for region in re.findall(r"#(\d+)#", clauses)}
        if opening and len(regions) > 1:
            listed |= regions
    return listed


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
    names_region=True,
    fits=_names_a_region,
    recognises=lambda value: isinstance(value, str) and value.strip().isdecimal(),
    baseline=frequent_region_or_guess,
    measures={"macro_accuracy": measures.macro_accuracy},
    slices={"kind": choice_kind},
    mix="kind",
)
