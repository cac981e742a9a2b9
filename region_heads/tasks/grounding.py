"""Freeform answer to grounding: which ``[Region i]`` the answer rests on, and in which role.

What several tasks share stands here, a task's own function beside its definition. Each takes the question, the answer's
text and the typed target (None when unanswered), and returns the regions in order of mention, or None where these three
do not tell. An empty list says that the answer rests on none: a count of 0.

Raises (each of them):
    ValueError: The answer's regions contradict the target; with the expected and the found.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from region_heads.tasks.listing import MASK_TOKEN
from region_heads.tasks.mentions import REGION, SENTENCE_END, Mention, mentions_of

Role = Literal["answer", "anchor"]


@dataclass(frozen=True)
class Grounded:
    """A region and its role."""

    region: int
    role: Role


Grounding = Callable[[str, str, Any], list[Grounded] | None]
SelfEvident = Callable[[str, Any], list[Grounded] | None]

_FRONTED = re.compile(
    r"^\W*(?:when |if |as )?(?:compared|relative|in (?:relation|comparison|contrast)|with|seen|viewed|measured|judged"
    rf"|taking|against)\b[^,?]*?{MASK_TOKEN}[^?]*{MASK_TOKEN}"
    rf"|^[^<]*\b(?:which|what) side of (?:(?!is |do |does )[^<])*?{MASK_TOKEN}",
    re.IGNORECASE,
)
_FROM = re.compile(r"(?<!seen )(?<!viewed )(?<!looking )\b(?:from|between)\b", re.IGNORECASE)


def ground(parse: Grounding, question: str, text: str, target: Any) -> list[Grounded] | None:
    """The grounding of an answer.

    Raises:
        ValueError: As above, or the answer names a region that the question does not have.
    """
    regions = question.count(MASK_TOKEN)
    outside = sorted({region for region in mentions(text) if region >= regions})
    if outside:
        raise ValueError(f"expected regions from 0 to {regions - 1}, found {outside[0]}")
    return parse(question, text, target)


def all_mentioned(_question: str, text: str, _target: Any) -> list[Grounded] | None:
    """Every region that is named belongs to the answer."""
    return [Grounded(region, "answer") for region in distinct(mentions(text))] or None


def both_of_two(question: str, _target: Any) -> list[Grounded] | None:
    """The regions of a question that compares two and has no more, without an answer that names them.

    In "Compared with <mask>, where is <mask>?" and "Which side of <mask> is <mask> on?" the second is the one that is
    asked about, and comes first.
    """
    if question.count(MASK_TOKEN) != 2:
        return None
    pair = (1, 0) if _FRONTED.match(question) else (0, 1)
    return [Grounded(region, "answer") for region in pair]


def two_compared(question: str, text: str, _target: Any) -> list[Grounded] | None:
    """The two regions that are measured or compared: those of the last sentence that names any.

    Regions named only before it are anchors. "[Region 3] is the leftmost pallet. The distance from the pallet
    [Region 3] to the shelf [Region 5] is 4 meters." Of two, the one that the other is held against comes second:
    "Compared with [Region 1], the cube [Region 0] stands left." It may be the only one that is named.
    """
    everything = distinct(mentions(text))
    if len(everything) == 1 and question.count(MASK_TOKEN) == 2:
        (only,) = everything
        held = all(one.standing == "reference" for one in mentions_of(text))
        return [Grounded(region, "answer") for region in (1 - only, only)] if held else None
    last = last_naming(text)
    pair = distinct(mentions(last))
    if len(pair) != 2:
        if len(everything) != 2:
            return None
        pair = everything
    anchors = [Grounded(region, "anchor") for region in everything if region not in pair]
    if _held_against(mentions_of(last), *pair):
        pair.reverse()
    return [*anchors, *(Grounded(region, "answer") for region in pair)]


def last_naming(text: str) -> str:
    """The last sentence that names a region; "" where none does."""
    return next((part for part in reversed(SENTENCE_END.split(text)) if REGION.search(part)), "")


def _held_against(found: list[Mention], first: int, second: int) -> bool:
    """Whether the second region is held against the first; "from the one to the other" holds neither."""
    one, other = (next((one for one in found if one.region == region), None) for region in (first, second))
    if one is None or other is None or other.standing not in ("plain", "open"):
        return False
    return one.standing == "reference" and not _FROM.search(one.before)


def mentions(text: str) -> list[int]:
    """The regions that ``text`` names, in order."""
    return [int(region) for region in REGION.findall(text)]


def distinct(regions: list[int]) -> list[int]:
    """Each once, in the order of their first mention."""
    return list(dict.fromkeys(regions))
