"""What a question lists: its runs of ``<mask>``, the noun of each, and which of them hold the things to be counted.

Structure tells, not a list of things: "how many of <masks>", "of the cubes <masks>, how many", or the counted noun
again before a run, "with the cubes <masks> and the trays <masks>, how many cubes".
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MASK_TOKEN = "<mask>"


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


GENERAL = _words(
    "object thing item one mask region obj element candidate entity piece member option given following marked listed",
    "highlighted outlined selection set list group",
)
"""Nouns, by their stems, that may stand for any thing, and so say nothing of what it is."""

_JOINT = r"\s*(?:[,;&/]\s*)?(?:(?:and|or|plus)\b\s*)?"
_RUN = re.compile(rf"{MASK_TOKEN}(?:{_JOINT}{MASK_TOKEN})*")
# "The cube <mask>, the sphere <mask>, and the cone <mask>": single regions, each with its noun.
_NAMED_JOINT = (
    r"\s*(?:,\s*(?:(?:and|or)\s+)?|(?:and|or)\s+)(?:(?:the|a|an)\s+)?"
    r"(?:(?!of\b|in\b|from\b|to\b|by\b)[\w-]+\s+){1,2}"
)
_CHAIN = re.compile(rf"{MASK_TOKEN}(?:{_NAMED_JOINT}{MASK_TOKEN}(?!{_JOINT}{MASK_TOKEN}))+")

_WORD = re.compile(r"[^\W\d_][\w'-]*")
_SKIPPED = _words("of among amongst in from within is are being were namely viz these those all")
_STOPS = _SKIPPED | _words(
    "the a an and or with to by on at than for as given considering take consider using based which that inside into",
    "between near nearest closest left right does do has have hold holds contain contains count there how here",
    "go through look looking see show shows",
)
"""Words that end a noun, read backwards; those of ``_SKIPPED`` may stand between it and its regions."""

_CUE = re.compile(
    r"\b(?:how many|(?:number|count|total|tally|quantity|amount|sum)(?= of\b)|counted in|count(?: up)?(?= [\w<])"
    r"|tally|enumerate|number)\b",
    re.IGNORECASE,
)
_FILLER = _words("of the its their these those all your total number overall up every only how many out")
_NO_NOUN = _words(
    "is are was were be do does did has have had can could would will should may might lie lies lying stand stands",
    "standing sit sits sitting rest rests appear appears seem seems belong belongs share shares fit fits meet meets",
    "reach you we i it they them there that which who whose what whatever everything so and or but if when",
    "in inside within into on onto at by near under over above below behind beside between before to from than with",
    "against around along across beyond left right nearer closer farther further among amongst",
)
"""Words, behind "how many", at which the counted noun has ended."""

_LEADS = re.compile(
    r"\s*(?:(?:(?:are|is)(?: there| found)? )?(?:among|amongst|from among|of|out of)(?: the| these| those)?"
    r"(?: [\w-]+){0,2}\s*"
    rf"|(?:are (?:there )?)?(?:in|within) the (?:set|list|selection|group)\s*)?(?={MASK_TOKEN})",
    re.IGNORECASE,
)
_OF_THESE = re.compile(
    r"(?:^|[.;:?!,]\s+)(?:of|among|amongst|out of|from among|considering|given|take|consider|looking at|for)\b"
    r"(?:\s+(?!in\b|to\b|by\b)[\w-]+){0,4}\s*$",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\b(?:in|inside|within|into|onto|on(?! (?:the )?(?:far )?(?:left|right|side)))\s+"
    r"(?!(?:the )?(?:same|set|list|selection|picture|image|photo|scene|view)\b)"
    rf"((?:[\w-]+\s*){{1,5}})(?P<mask>{MASK_TOKEN})?",
    re.IGNORECASE,
)
_HELD_AGAINST = re.compile(
    r"\b(?:between|behind|beside|near|under|over|above|below|than|against|around|to|on|left of|right of)\s+$",
    re.IGNORECASE,
)
_HOLDS = re.compile(r"\b(?:hold|holds|holding|contain|contains|containing|its|their)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """Regions that stand together in a question, with the stems of the words that name them and their place in it."""

    regions: tuple[int, ...]
    noun: frozenset[str]
    start: int
    plural: bool


@dataclass(frozen=True)
class Counted:
    """What a counting question counts.

    Attributes:
        regions: The list that the counted things belong to; None where this cannot be determined.
        sure: Whether the words say so; else it is merely the only list.
        noun: Stems of the counted noun; empty where the question has none, or one for any thing.
        places: All runs, where each list bears another noun than what is counted "in" something: then the counted
            things may have no masks.
    """

    regions: frozenset[int] | None
    sure: bool
    noun: frozenset[str]
    places: tuple[Run, ...] = ()


def stem(word: str) -> str:
    """A noun without the ending of its plural, roughly."""
    word = word.lower()
    for end, start in (("ves", "f"), ("xes", "x"), ("ches", "ch"), ("ies", "y"), ("sses", "ss")):
        if word.endswith(end):
            return word[: -len(end)] + start
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def noun_before(text: str) -> frozenset[str]:
    """Stems of the words, at most three, that name what follows: "the left trays are " gives "left" and "tray"."""
    words: list[str] = []
    for word in reversed(_clause_words(text)):
        if word in _SKIPPED and not words:
            continue
        if word in _STOPS or len(words) == 3:
            break
        words.append(stem(word))
    return frozenset(words)


def _clause_words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(re.split(r"[.;?!,]", text)[-1])]


@lru_cache(maxsize=4096)
def runs(question: str) -> tuple[Run, ...]:
    """The runs of a question's masks, in order."""
    found: list[Run] = []
    number = end = 0
    while (start := question.find(MASK_TOKEN, end)) >= 0:
        run = _RUN.match(question, start)
        assert run is not None
        chain = _CHAIN.match(question, start) if run[0] == MASK_TOKEN else None
        before, run = question[end:start], chain or run
        count = run[0].count(MASK_TOKEN)
        last = next((word for word in reversed(_clause_words(before)) if word not in _SKIPPED), "")
        regions = tuple(range(number, number + count))
        found.append(Run(regions, noun_before(before), start, plural=last.endswith("s") and last not in _STOPS))
        number, end = number + count, run.end()
    return tuple(found)


@lru_cache(maxsize=4096)
def counted_list(question: str) -> Counted:
    """Which of a question's lists is counted."""
    every = runs(question)
    lists = [run for run in every if len(run.regions) > 1 and not _HELD_AGAINST.search(_before(question, run))]
    only = frozenset(lists[0].regions) if len(lists) == 1 else None
    cue = _CUE.search(question)
    if cue is None:
        return Counted(only, False, frozenset())
    noun, end = _counted_noun(question, cue.end())
    named = [run for run in every if run.noun & noun]
    led_to = _LEADS.match(question, end)
    for possible in (
        [run for run in lists if led_to and run.start == led_to.end()],
        [run for run in named if run.plural or len(run.regions) > 1],
        [] if noun else [run for run in lists if _OF_THESE.search(_before(question, run))],
        [] if noun else [run for run in lists if not run.noun & place_nouns(question)],
        [] if named or _in_unmarked(question) else [run for run in lists if not run.noun - GENERAL],
    ):
        if len(possible) == 1:
            return Counted(frozenset(possible[0].regions), True, noun)
    if named:
        return Counted(None, False, noun)
    in_places = (
        noun and (_HOLDS.search(question) or _INSIDE.search(question)) and all(run.noun - GENERAL for run in lists)
    )
    return Counted(only, False, noun, every if in_places else ())


def place_nouns(question: str) -> frozenset[str]:
    """Stems of what things are said to be in: "how many stand in the left tray"."""
    found = (stem(word) for phrase in _INSIDE.finditer(question) for word in _WORD.findall(phrase[1]))
    return frozenset(found) - GENERAL - {stem(word) for word in _STOPS}


def _in_unmarked(question: str) -> bool:
    """Whether things may be counted in a place that is chosen among the regions: "in the leftmost tray"."""
    return bool(_HOLDS.search(question)) or any(not found["mask"] for found in _INSIDE.finditer(question))


def _before(question: str, run: Run) -> str:
    return question[: run.start].rpartition(MASK_TOKEN)[2]


def _counted_noun(question: str, end: int) -> tuple[frozenset[str], int]:
    """Stems of the noun that begins at ``end``, behind "how many", and where it ends."""
    stems = []
    for word in _WORD.finditer(question, end):
        if question[end : word.start()].strip() or word[0].lower() in _NO_NOUN:
            break
        if word[0].lower() not in _FILLER:
            stems.append(stem(word[0]))
        end = word.end()
    return frozenset() if stems and stems[-1] in GENERAL else frozenset(stems), end
