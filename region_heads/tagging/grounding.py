"""Freeform answer to grounding: which ``[Region i]`` the answer rests on, and in which role.

One function per kind of answer; a task names its own. Each takes the answer's text and the typed target (None
when unanswered), and returns the regions in order of mention, or None when the answer names none or its roles
are open.

Raises (each of them):
    ValueError: The answer's regions contradict the target; with the expected and the found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["answer", "anchor"]

_REGION = re.compile(r"\[\s*regions?\s*(\d{1,4})\s*\]", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\[])")


@dataclass(frozen=True)
class Grounded:
    """A region and its role."""

    region: int
    role: Role


Grounding = Callable[[str, Any], list[Grounded] | None]
SelfEvident = Callable[[int], list[Grounded] | None]


def ground(parse: Grounding, text: str, target: Any, *, regions: int) -> list[Grounded] | None:
    """The grounding of an answer to a question with that many regions.

    Raises:
        ValueError: As above, or the answer names a region that the question does not have.
    """
    outside = sorted({region for region in _mentions(text) if region >= regions})
    if outside:
        raise ValueError(f"expected regions from 0 to {regions - 1}, found {outside[0]}")
    return parse(text, target)


def all_mentioned(text: str, _target: Any) -> list[Grounded] | None:
    """Every region that is named belongs to the answer."""
    return [Grounded(region, "answer") for region in _distinct(_mentions(text))] or None


def both_of_two(regions: int) -> list[Grounded] | None:
    """The regions of a question that compares two and has no more, without an answer that names them."""
    return [Grounded(0, "answer"), Grounded(1, "answer")] if regions == 2 else None


def two_compared(text: str, _target: Any) -> list[Grounded] | None:
    """The two regions that are measured or compared: those of the last sentence that names two.

    Regions named only before it are anchors. "[Region 3] is the leftmost pallet. The distance from the pallet
    [Region 3] to the shelf [Region 5] is 4 meters."
    """
    pairs = [pair for pair in (_distinct(_mentions(part)) for part in _SENTENCE_END.split(text)) if len(pair) == 2]
    everything = _distinct(_mentions(text))
    if not everything:
        return None
    if not pairs and len(everything) != 2:
        return None
    pair = pairs[-1] if pairs else everything
    anchors = [Grounded(region, "anchor") for region in everything if region not in pair]
    return [*anchors, *(Grounded(region, "answer") for region in pair)]


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
    marked = _REGION.sub(lambda found: f"#{int(found[1])}#", text)
    found = _CHOSEN.findall(marked)
    mentioned = _distinct(_mentions(text))
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
    for sentence in _SENTENCE_END.split(marked):
        opening = _ENUMERATION.match(sentence.lstrip())
        clauses = re.split(r"\b(?:is|are|has|lies|sits|stands|appears)\b", sentence, maxsplit=1)[0].rpartition(",")[0]
        regions = {int(region) for region in re.findall(r"#(\d+)#", clauses)}
        if opening and len(regions) > 1:
            listed |= regions
    return listed


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
    for found in _REGION.finditer(text):
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


def _mentions(text: str) -> list[int]:
    return [int(region) for region in _REGION.findall(text)]


def _distinct(regions: list[int]) -> list[int]:
    return list(dict.fromkeys(regions))
