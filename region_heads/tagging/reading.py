"""The reading of a question: its words with spelling, spacing, masks and mere selections brought to one form."""

import re
import unicodedata
from functools import lru_cache

from region_heads.records import MASK_TOKEN

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})
_MASK = re.escape(MASK_TOKEN)
_MASKS = re.compile(
    rf"(?:{_MASK}|\[?\b(?:region|mask) ?\d+\b\]?|\[masks?\])(?:[\s,&]*(?:and )?(?:{_MASK}|\[masks?\]))*"
)

# What people run together, split or misspell, in the order in which it is mended.
_MENDED = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bfar[ -](left|right)\b", r"\1most"),
        (r"\b(left|right)[ -]hand one\b", r"\1most one"),
        (r"\b(left|right|outer|fore)[ -]+most\b", r"\1most"),
        (r"\b(left|right|middle)(most)?(the|of|buffer|pallet|shelf|side|hand)\b", r"\1\2 \3"),
        (r"\b(left|right)-?\s?hand(?:ed)?\b", r"\1 hand"),
        (r"\bhow(many|far|much|close|near)\b", r"how \1"),
        (r"\b(?:hwo|hw|hoow)\b", "how"),
        (r"\b(?:wich|whihc|whch|wihch|witch|whcih)\b", "which"),
        (r"\b(?:mnay|meny|manny)\b", "many"),
        (r"\b(?:rigth|rihgt|rigt|righ|rght|ritgh|rightt)\b", "right"),
        (r"\b(?:lfet|letf|leff|leftt|lefft|elft)\b", "left"),
        (r"\bwhat'?s\b", "what is"),
        (r",? (?:as seen )?from where (?:the camera|i|we|you)\b[^,.?]*", ""),
        (r"\b(?:in between|inbetween|betwixt)\b", "between"),
        (r"\b(?:kilo|centi|milli)?(?:metres?|meters?)\b", "metres"),
        (r"\b(?:cm|mm|km|feet|foot|ft|yards?|inch(?:es)?|steps|paces)\b|(?<=many )m\b|(?<=in )m\b", "metres"),
        (
            (
                r"\b(?:furthest|farthest|extreme|(?<!how )far)(?: out)?(?: to(?:wards?)?| on)?(?: the)? (left|right)\b"
                r"(?: hand)?(?: side)?(?: position)?"
            ),
            r"\1most",
        ),
        (r"\b(?:most|extreme(?:ly)?) (?:to the )?(left|right)\b", r"\1most"),
        (r"\b(?:closest|nearest) to the (left|right)(?: hand)?(?: side| edge| border| end)?\b", r"\1most"),
    )
)  # fmt: skip

_OBJECTS = r"(?:buffers?|pallets?|shel(?:f|ves)|racks?|transporters?|forklifts?|regions?|zones?|areas?|bays?)"
# Phrases that only say which object is meant. What is asked about two of them follows from the rest.
_SELECTIONS = (
    re.compile(
        rf"\b({_OBJECTS}) (?:that is |which is |standing |located |placed )?(?:on|at|to) the (?:far )?(?:left|right)"
        r"(?: hand)?(?: sides?)?\b(?! (?:sides? )?of\b| or\b|/)"
    ),
    re.compile(rf"\b(?:left|right)(?: hand)?(?: side)? ({_OBJECTS})\b"),
)  # fmt: skip
_QUESTION_WORD = re.compile(r"\b(?:how|which|what|where|who|whose)\b")

_VOCABULARY = (
    "distance", "distant", "leftmost", "rightmost", "between", "closest", "nearest", "number", "pallet", "pallets",
    "measure", "metres", "furthest", "farthest", "transporter", "separate", "separates", "buffer", "identify",
    "select", "choose", "middle", "region", "regions", "viewpoint", "quantity", "contained", "inside", "situated",
    "located", "positioned", "separation", "clearance", "total", "count", "apart",
)  # fmt: skip


_HEAD, _TAIL = 700, 300
"""Characters that are read of a question that is longer than any person asks: what is asked stands first or last. The
cost of some rules grows with the third power of the length."""

_RUN = re.compile(rf"{_MASK}(?:[\s,&]*(?:and )?{_MASK})+")


def folded(question: str) -> str:
    """The question with every run of mask tokens as one; it has the same reading."""
    return _RUN.sub(MASK_TOKEN, question)


def read(question: str) -> str:
    """The reading of ``question``; ``#`` stands for a region or a run of them, ``>`` before the first
    question word, "metres" for any unit of length, and "selected" for what merely says which object is meant."""
    text = unicodedata.normalize("NFKC", question).translate(_QUOTES).lower()
    text = " ".join(_MASKS.sub(" # ", text).split())
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]} {text[-_TAIL:]}"
    text = re.sub(r"<\w+>", " ", text)
    text = re.sub(r"[\"()*_]", " ", text)
    text = " ".join(_mended_word(word) for word in text.split())
    for pattern, replacement in _MENDED:
        text = pattern.sub(replacement, text)
    for pattern in _SELECTIONS:
        text = pattern.sub(r"selected \1", text)
    return _QUESTION_WORD.sub(lambda found: f">{found.group()}", text, count=1)


@lru_cache(maxsize=8192)
def _mended_word(word: str) -> str:
    """The word of the vocabulary that ``word`` misspells by one letter, or ``word`` itself."""
    letters = word.strip(".,;:?!'")
    if len(letters) < 6 or not letters.isalpha() or letters in _VOCABULARY:
        return word
    for known in _VOCABULARY:
        if len(known) >= 6 and abs(len(known) - len(letters)) <= 1 and _one_slip(letters, known):
            return word.replace(letters, known)
    return word


def _one_slip(found: str, meant: str) -> bool:
    """Whether one letter was left out, added, changed, or two were swapped."""
    start = 0
    while start < min(len(found), len(meant)) and found[start] == meant[start]:
        start += 1
    rest_found, rest_meant = found[start:], meant[start:]
    return (
        rest_found[1:] == rest_meant[1:]
        or rest_found == rest_meant[1:]
        or rest_found[1:] == rest_meant
        or (rest_found[:2] == rest_meant[1::-1] and rest_found[2:] == rest_meant[2:])
    )
