"""The grounding of a count: which of the listed regions are counted, and which ones say where.

An answer is grounded only where question, text and count agree: the question tells which list is counted, the text
names as many of its regions as the count says, and none of them as what others are held against.
"""

import re
from typing import Any

from region_heads.tasks.grounding import Grounded, distinct
from region_heads.tasks.listing import GENERAL, MASK_TOKEN, Counted, counted_list, place_nouns
from region_heads.tasks.mentions import Mention, mentions_of

_HELD_AGAINST = re.compile(r"\b(?:to|by|near|beside|from|than|opposite)(?: \w+){0,2}? ?$", re.IGNORECASE)
_SPEECH = frozenset(("only", "just", "namely", "yes", "total", "answer", "one", "two", "three", "four", "five", "six"))
_ONE = re.compile(
    r"(?:\b(?:only|just|single|namely|one|alone)\b|:)\W*(?:(?:the|is|it|that) )*(?:[\w-]+ )?$", re.IGNORECASE
)


def counted(question: str, text: str, target: Any) -> list[Grounded] | None:
    """The regions that are counted; what selected the place where they lie, and last that place, are anchors.

    "The buffer [Region 1] is the nearest to the shelf [Region 2]. It holds the pallet [Region 0]" gives anchors 2, 1.
    Where the counted things have no masks, the answer names anchors alone.

    Raises:
        ValueError: The text names another number of the counted list's regions than the count.
    """
    asked, mentions = counted_list(question), mentions_of(text)
    if not mentions:
        return None
    if asked.regions is None or not asked.sure:
        members = _only_list(asked, mentions, target)
        if members is None:
            return _places_alone(question, text, asked, mentions)
        return _with_anchors(mentions, members, asked.regions or frozenset())
    members = _members(asked.regions, mentions, target)
    return None if members is None else _with_anchors(mentions, members, asked.regions)


def known_count(question: str, target: Any) -> list[Grounded] | None:
    """What a count tells by itself: 0 counts none of the regions, and as many as are listed counts them all."""
    if target == 0:
        return []
    asked = counted_list(question)
    everything = target is not None and asked.sure and asked.regions is not None and len(asked.regions) == target
    return [Grounded(region, "answer") for region in sorted(asked.regions or ())] if everything else None


def share_counted(question: str, target: Any) -> str:
    """How much of what is listed is counted: "none", "fewer than half", "half or more" or "all".

    "" where what is counted has no masks, whatever its number.
    """
    asked = counted_list(question)
    if asked.places and not asked.sure:
        return ""
    listed = len(asked.regions or ()) or question.count(MASK_TOKEN)
    if target == 0:
        return "none"
    return "all" if target >= listed else "half or more" if 2 * target >= listed else "fewer than half"


def _members(listed: frozenset[int], mentions: list[Mention], target: Any) -> list[int] | None:
    """Of a list that is counted for certain, the regions that the text counts."""
    inside = [one for one in mentions if one.region in listed]
    named = distinct([one.region for one in inside if one.standing in ("plain", "open")])
    doubtful = {one.region for one in inside if one.standing in ("reference", "denied")}
    excepted = {one.region for one in inside if one.excepted}
    if target is None:
        return named if named and not doubtful else None
    if target == 0:
        return []
    if target == len(listed):
        return sorted(listed)
    if len(named) == target and not doubtful & {*named}:
        return named
    if excepted and not named and len(listed) - len(excepted) == target:
        return sorted(listed - excepted)
    if named and len({one.run for one in inside}) == 1 and not doubtful:
        raise ValueError(f"expected an answer that names {target} counted regions, found {named}")
    return None


def _only_list(asked: Counted, mentions: list[Mention], target: Any) -> list[int] | None:
    """Of a list that may be counted, one run of regions that has nothing against it."""
    listed = asked.regions or frozenset()
    if target == 0:
        return [] if not any(one.standing == "plain" for one in mentions) and not asked.places else None
    plain = [one for one in mentions if one.standing == "plain" and one.region in listed]
    named = distinct([one.region for one in plain])
    if target is None or len(named) != target or len({one.run for one in plain}) != 1:
        return None
    if any(one.region in named and one.standing != "plain" for one in mentions):
        return None
    if any(one.noun - GENERAL - _SPEECH and not one.noun & asked.noun for one in plain):
        return None
    bare = not any(one.noun & asked.noun for one in plain)
    return None if target == 1 and bare and not _ONE.search(plain[0].before) else named


_IN_IT = re.compile(r"\b(?:in|inside|within|into|on|onto) (?:it|that)\b|\bit holds\b", re.IGNORECASE)


def _places_alone(question: str, text: str, asked: Counted, mentions: list[Mention]) -> list[Grounded] | None:
    """The anchors, where what is counted has no masks: each list is one of places, and the text says so."""
    lists = [run for run in asked.places if len(run.regions) > 1]
    held_in_it = len(lists) == 1 and _IN_IT.search(text) is not None
    as_place = set()
    for one in mentions:
        run = next((run for run in asked.places if one.region in run.regions), None)
        nouns = run.noun - GENERAL if run and (held_in_it or run.noun & place_nouns(question)) else frozenset()
        if one.standing == "reference" or (one.noun & nouns and not one.noun & asked.noun):
            as_place.add(one.region)
    if not asked.places or not all(as_place & {*run.regions} for run in lists):
        return None
    return None if {one.region for one in mentions} - as_place else _with_anchors(mentions, [], frozenset())


def _with_anchors(mentions: list[Mention], members: list[int], listed: frozenset[int]) -> list[Grounded]:
    """Members and anchors in order of mention; members that are not mentioned come first, the place last."""
    anchors = {
        one.region
        for one in mentions
        if one.region not in members and one.region not in listed and one.standing in ("plain", "open", "reference")
    }
    place = None
    for one in mentions:
        if one.region in anchors and not _HELD_AGAINST.search(one.before):
            place = one.region
    mentioned = distinct([one.region for one in mentions])
    order = [*(region for region in members if region not in mentioned), *mentioned]
    order.sort(key=lambda region: region == place)
    return [
        Grounded(region, "answer" if region in members else "anchor")
        for region in order
        if region in members or region in anchors
    ]
