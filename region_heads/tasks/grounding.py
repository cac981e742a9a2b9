"""Freeform answer to grounding: which ``[Region i]`` the answer rests on, and in which role.

What several tasks share stands here, a task's own function beside its definition. Each takes the answer's text and the
typed target (None when unanswered), and returns the regions in order of mention, or None when the answer names none or
its roles are open.

Raises (each of them):
    ValueError: The answer's regions contradict the target; with the expected and the found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["answer", "anchor"]

REGION = re.compile(r"\[\s*regions?\s*(\d{1,4})\s*\]", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\[])")


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
    outside = sorted({region for region in mentions(text) if region >= regions})
    if outside:
        raise ValueError(f"expected regions from 0 to {regions - 1}, found {outside[0]}")
    return parse(text, target)


def all_mentioned(text: str, _target: Any) -> list[Grounded] | None:
    """Every region that is named belongs to the answer."""
    return [Grounded(region, "answer") for region in distinct(mentions(text))] or None


def both_of_two(regions: int) -> list[Grounded] | None:
    """The regions of a question that compares two and has no more, without an answer that names them."""
    return [Grounded(0, "answer"), Grounded(1, "answer")] if regions == 2 else None


def two_compared(text: str, _target: Any) -> list[Grounded] | None:
    """The two regions that are measured or compared: those of the last sentence that names two.

    Regions named only before it are anchors. "[Region 3] is the leftmost pallet. The distance from the pallet
    [Region 3] to the shelf [Region 5] is 4 meters."
    """
    pairs = [pair for pair in (distinct(mentions(part)) for part in SENTENCE_END.split(text)) if len(pair) == 2]
    everything = distinct(mentions(text))
    if not everything:
        return None
    if not pairs and len(everything) != 2:
        return None
    pair = pairs[-1] if pairs else everything
    anchors = [Grounded(region, "anchor") for region in everything if region not in pair]
    return [*anchors, *(Grounded(region, "answer") for region in pair)]


def mentions(text: str) -> list[int]:
    """The regions that ``text`` names, in order."""
    return [int(region) for region in REGION.findall(text)]


def distinct(regions: list[int]) -> list[int]:
    """Each once, in the order of their first mention."""
    return list(dict.fromkeys(regions))
