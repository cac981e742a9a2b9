"""How a freeform answer mentions a region: as what it speaks of, as what others are held against, or as what is not.

Prepositions, comparisons and negations tell; what the things are called does not matter.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from region_heads.tasks.listing import noun_before

REGION = re.compile(r"\[\s*regions?\s*(\d{1,4})\s*\]", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[.!?;])\s+(?=[A-Z\[])")

Standing = Literal["plain", "open", "reference", "denied", "candidate"]


@dataclass(frozen=True)
class Mention:
    """One ``[Region i]`` of an answer.

    Attributes:
        region: Its number.
        run: Number of the run, "[Region 0], [Region 2] and [Region 5]", that it stands in.
        standing: ``plain``: the text speaks of it. ``reference``: others are held against it, "left of", "than", "in".
            ``denied``: in a clause with a "not". ``candidate``: in an opening "Of [Region 0] and [Region 2], …".
            ``open``: its words can be read in more than one way.
        noun: Stems of the words that name it; empty for a bare one.
        before: The text between the run before, or the sentence's start, and its own.
        excepted: Denied by "all except".
    """

    region: int
    run: int
    standing: Standing
    noun: frozenset[str]
    before: str
    excepted: bool


def _search(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# What may stand between two regions of one run: a comma, "and", and the second one's noun.
_NO_NOUN = (
    r"(?:is|are|in|of|on|to|by|so|not|only|no|but|nor|while|whereas|then|hence|thus|just|because|since|as|with|than|from"
    r"|at|for|near|behind|beside|between|compared|relative|measured|seen)\b"
)
_ITS_NOUN = rf"(?:(?:the|a|an)\s+)?(?:(?!{_NO_NOUN})[\w-]+\s+){{0,2}}"
_AND = rf"\s*(?:[,;&]\s*)?(?:and|or|plus|nor)\b(?:\s+also)?\s*{_ITS_NOUN}"
_COMMA = rf"\s*[,&;]\s*{_ITS_NOUN}"
_JOINED = _search(rf"(?P<and>{_AND})|(?P<comma>{_COMMA})|\s*")
_ANOTHER = _search(_COMMA)

# Up to the region itself: its article and noun.
_NOUN = (
    r"(?:\s+(?:the|a|an|its|this|that|each|both|either|marked))?"
    r"(?:\s+(?!(?:is|are|so|lies?|stands?|we|there|the|an?|and)\b)[\w-]+){0,3}\s*$"
)
_IN = (
    r"\b(?:in|inside|into|within|onto|on|at|behind|besides?|near|nearest|under|underneath|beneath|over|above|below"
    r"|around|between|than|from|against|opposite|past|beyond|towards?|alongside|outside|before|unlike|versus|vs\.?)"
)
_SIDE_OF = (
    r"\b(?:left|right|front|ahead|side|inside|outside|top|back|rear|edge|middle|centre|center|west|east|north|south"
    r"|(?:centi|milli|deci)?met(?:er|re)s?|c?m|reach|radius|feet|inches|half|width|clear|short|\w+ward)"
    r"(?:[\s-]hand)?(?: side)? of"
)
_NEAR_TO = (
    r"\b(?:near|nearer|nearest|close|closer|closest|next|adjacent|relative|compared|parallel|opposite|respect|equal"
    r"|similar|identical|relation|contrast|left|right|farther|distance|way|path|opposed|comparable|match\w*)"
    r"(?:[\s\w]{0,12})? to"
)
_LIKE = r"\b(?:compared|together|level|line|contact|comparison) with|\bas \w+ as|\bsame (?:[\w-]+ )?as|\blike"
_BY = r"\bclose by|\b(?:stand|lie|sit|rest|wait|park)(?:s|ing|ed)? by"
_REFERENCE = r"(?:reference|landmark|benchmark|anchor|yardstick)"
_HELD = _search(rf"(?:{_IN}|{_SIDE_OF}|{_NEAR_TO}|{_LIKE}|{_BY}|\b{_REFERENCE}(?: \w+)?(?: is| being|:|,)?){_NOUN}")
_HELD_BEHIND = _search(
    rf"^,? ?(?:is|being|as|serves as|served as|was|acts as) (?:the |our |a )?{_REFERENCE}\b"
    rf"|^ ?\((?:the |our )?{_REFERENCE}"
)
_DENIED = _search(
    r"\b(?:not|none|no|neither|nor|never|cannot|without|except|exception|excepting|excluding|excluded|but|instead|rather|fails?"
    r"|failed|lacks?|lacking|besides|hardly|unlike|save|discount\w*|ignor\w*|omit\w*|leav\w+ out|ruled out"
    r"|too (?:far|near|close|high|low)|other than|apart from|aside from)\b|n['’]t\b|\bminus\b"
)
_EXCEPT = _search(
    r"\b(?:except(?:ing)?(?: for)?|excluding|all (?:\w+ ){0,2}but|every(?:thing|one)? (?:\w+ )?but|apart from"
    rf"|aside from|with the exception of|other than|all (?:\w+ )?save){_NOUN}"
)
_CANDIDATES = _search(
    r"^\W*(?:among|amongst|of|out of|considering|given|comparing|from among|we have|looking at)\b"
    r"(?!.*\b(?:is|are|was|were|has|have|lies?|stands?|that|which|who)\b)"
)
_OPEN = _search(rf"\b(?:of|to|with|by|for|as|say|about|if|whether|suppose|maybe|perhaps|possibly|either){_NOUN}")
_QUANTITY = _search(
    r"\b(?:all|each|both|consist\w*|made up|composed|number|total|count|set|list|namely|filled|stored|loaded|occupied"
    rf"|true|appl(?:y|ies)|holds?|met|fulfilled|satisfied) (?:up )?(?:of|by|for|to|with){_NOUN}"
)
_OTHER_CLAUSE = r"\bbut(?= (?:the |only )?$)|\bwhile\b|\bwhereas\b"
_CLAUSE_BEFORE = _search(rf"[;:,]|\s[-–—]\s|{_OTHER_CLAUSE}")
_CLAUSE_BEHIND = _search(r"[;:]|,(?! (?:which|that|who|being)\b)|\bbut\b|\bwhile\b|\bwhereas\b")


def mentions_of(text: str) -> list[Mention]:
    """The mentions of an answer, in order."""
    found: list[Mention] = []
    for sentence in SENTENCE_END.split(text):
        found += _of_sentence(sentence, found[-1].run + 1 if found else 0)
    return found


def _of_sentence(sentence: str, first_run: int) -> list[Mention]:
    found: list[Mention] = []
    listed = _runs(sentence)
    for number, places in enumerate(listed):
        start = listed[number - 1][-1].end() if number else 0
        stop = listed[number + 1][0].start() if number + 1 < len(listed) else len(sentence)
        before, behind = sentence[start : places[0].start()], sentence[places[-1].end() : stop]
        excepted = _EXCEPT.search(before) is not None
        standing = "denied" if excepted else _standing(before, behind, opening=number == 0, several=len(places) > 1)
        # "Left of [Region 4], [Region 2] and [Region 3] stand": where the references end is open.
        if standing == "plain" and found and found[-1].standing == "reference" and _ANOTHER.fullmatch(before):
            standing = "open"
        nouns = [noun_before(before)]
        for one, following in pairwise(places):
            nouns.append(noun_before(sentence[one.end() : following.start()]) or nouns[-1])
        for place, noun in zip(places, nouns, strict=True):
            found.append(Mention(int(place[1]), first_run + number, standing, noun, before, excepted))
    return found


def _runs(sentence: str) -> list[list[re.Match[str]]]:
    """Regions that are listed together; "and" ends a list that has commas, and references are no list with commas."""
    runs: list[list[re.Match[str]]] = []
    ended = held = False
    for place in REGION.finditer(sentence):
        start = runs[-1][-1].end() if runs else 0
        between = sentence[start : place.start()]
        joint = _JOINED.fullmatch(between) if runs else None
        again = bool(runs) and place[1] in {one[1] for one in runs[-1]}
        if joint is None or again or (joint["comma"] is not None and (ended or held)):
            ended, held = False, _HELD.search(_own_clause(between)) is not None
            runs.append([place])
        else:
            ended = ended or joint["and"] is not None
            runs[-1].append(place)
    return runs


def _own_clause(before: str) -> str:
    return _CLAUSE_BEFORE.split(before)[-1]


def _standing(before: str, behind: str, *, opening: bool, several: bool) -> Standing:
    own = _own_clause(before)
    if opening and _CANDIDATES.match(own):
        return "candidate" if several else "open"
    if _HELD_BEHIND.match(behind) or _HELD.search(own):
        return "reference"
    clauses = _CLAUSE_BEHIND.split(behind)
    # "[Region 4], at 2 meters, is not": what stands between two commas is passed over.
    said = clauses[2] if len(clauses) > 2 and not clauses[0].strip() else clauses[0]
    if _DENIED.search(own) or _DENIED.search(said):
        return "denied"
    return "open" if _OPEN.search(own) and not _QUANTITY.search(own) else "plain"
