"""The length that a question says: "within 3 meters", "less than 35 cm"."""

import re

_UNITS = {
    r"mm|millimet(?:er|re)s?": 0.001,
    r"cm|centimet(?:er|re)s?": 0.01,
    r"m|met(?:er|re)s?": 1.0,
    r"inch(?:es)?": 0.0254,
    r"ft|foot|feet": 0.3048,
    r"yds?|yards?": 0.9144,
}
_WORDS = {
    "half an?": 0.5, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_ONE_OF = "an?"  # "a meter", but "in a yard" and "at a foot of" are no lengths
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|[.,]\d+"
_LENGTH = re.compile(
    rf"(?<![\w.,/])(?:(?P<number>{_NUMBER})|(?P<word>{'|'.join(_WORDS)})|(?P<one>{_ONE_OF})(?=\s+(?:centi|milli)?met))"
    rf"(?:[\s-]+(?P<half>and a half))?[\s-]*(?:{'|'.join(f'({unit})' for unit in _UNITS)})\b",
    re.IGNORECASE,
)
# "1 to 2 meters", "1/2 meter", "twenty-five cm", "a quarter of a meter": more than the last number says.
_MORE = re.compile(
    rf"(?:\d|[-–/]|\b(?:{'|'.join(_WORDS)}|and|or|to|ty|hundred|quarters?|half|thirds?)(?: of)?)\s*$|\w*ty[\s-]*$"
    r"|\b(?:quarters?|half|thirds?) of\s*$",
    re.IGNORECASE,
)
_SHORTEST, _LONGEST = 0.001, 10_000.0


def said_length(text: str) -> float | None:
    """The one length that a text says, in metres.

    Returns:
        None where it says none, several, a range, a number in words beyond twelve, or what is no length of a scene.

    Example:
        >>> from region_heads.data.limits import said_length
        >>> said_length("How many of <mask> <mask> are less than 35 cm from <mask>?")
        0.35
        >>> said_length("How many meters is <mask> from <mask>?") is None
        True
    """
    found = list(_LENGTH.finditer(text))
    if len(found) != 1 or _MORE.search(text, 0, found[0].start()):
        return None
    metres = round(_metres(found[0]), 6)
    return metres if _SHORTEST <= metres <= _LONGEST else None


def _metres(found: re.Match[str]) -> float:
    number, word = found["number"], found["word"] or ""
    if number:
        thousands = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number)
        value = float(number.replace(",", "" if thousands else "."))
    else:
        value = next((size for name, size in _WORDS.items() if re.fullmatch(name, word, re.IGNORECASE)), 1.0)
    unit = next(size for place, size in enumerate(_UNITS.values()) if found[5 + place])
    return (value + 0.5 * (found["half"] is not None)) * unit
