"""Sides in a question's words: which "left" and "right" say a side, and the same text for the mirrored picture.

"The shelf on the right" says a side, "the right answer" does not, and "the right pallet" may mean either. Decided is by
what stands around the word, never by which of the two it is: so a text that was exchanged is read as it was before, and
exchanging twice changes nothing.
"""

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)
_SIDE = re.compile(r"left|right|Left|Right|LEFT|RIGHT")
_OTHER = {"left": "right", "Left": "Right", "LEFT": "RIGHT"}
_OTHER |= {right: left for left, right in _OTHER.items()}

# In the patterns below a "left" or "right" is "§", and the text is in small letters.

_NO_SIDE = re.compile(
    # Other words that hold the letters.
    r"\b(?:up|b|f|out|forth|play|ship|wheel|cart|copy|birth|al|c)§\w*|\bw§\w*|§(?:ful|eous|ist|ly)\w*|§-?overs?\b"
    # "Exactly", "at once": an adverb, where nothing before it makes it a side.
    r"|(?<!the )(?<!its )(?<!er )(?<!est )(?<!far )(?<!more )(?<!most )(?<!or )(?<!and )(?<!slightly )§[ -](?:away|now|"
    r"here|there|over|behind|beside|beneath|underneath|next|under|below|above|between|near|outside|after"
    r"|before|against)\b"
    r"|§[ -]angle[ds]?\b|§[ -]angular\b|\b(?:all|quite|exactly) §(?=\W*$)|§ about (?:that|it|this)\b"
    r"|§ in (?:thinking|saying|assuming|believing)\b"
    # "Correct".
    r"|§ (?:answer|choice|number|count|amount|way|order|size|kind|type|sort|tool|decision|moment|time"
    r"|person|people|word|"
    r"idea|condition|distance|height|track|spot|solution|option|conclusion|direction|question|weight|material|"
    r"colou?r)s?\b"
    # "Remaining", "put down".
    r"|\b(?:any|anything|nothing|something|none|space|room|time|space is|much|still|been|have|had|has someone|"
    r"has somebody|we|they|he|she) §(?=\W*$| (?:in|between|behind|by|on|at|standing|lying|empty|free"
    r"|unused|alone|out)\b)"
)
"""No side, whichever of the two stands there; the word stays what it is."""

_THE = r"(?:the|its|his|her|their|your|my|our|whose|this|that|camera's|viewer's|image's|picture's)"
_MORE = r"(?:(?:far|very|extreme|upper|lower|top|bottom|front|back|rear|immediate|outer|furthest|farthest|most|near) )?"
# What may follow a side that is named by itself. Anything else is a noun, of which "right" may be the quality.
_END = (
    r"(?=\W*$| ?[.,;:?!)\]/—–-]| (?:of|or|and|but|than|when|while|whereas|if|as|in|inside|within|from|to"
    r"|relative|compared"
    r"|with|for|among|is|are|does|do|has|was|that|that's|which|who|where|how|next|nearest|closest|by|at|on|after|near|"
    r"side|sides|hand|across|given|then|according|along|looking|seen|viewed|going)\b|\s*<mask>|\s*\[)"
)
_PLACE = (
    r"(?:side|edge|end|half|corner|part|portion|border|margin|wall|flank|face|aisle|lane|row|column|bay|zone|buffer|"
    r"area|region|section|quadrant|third|boundary|extreme|neighbou?r|quarter|foreground|background)s?\b"
)
_THING = (
    r"(?:pallet|transporter|shelf|shelve|rack|forklift|truck|crate|box|boxe|stack|object|item|vehicle"
    r"|cart|agv|robot|skid|"
    r"carton|barrel|person|load|carrier|most)s?\b"
)
_FROM = r"(?:from|to|between|and|of|in|inside|within|into|on|at|near|beside|behind|than|or|by)"
_SAYS_SIDE = re.compile(
    # Words of their own: "leftmost", "right-hand", "upper left", and damaged ones such as "rightmostthe".
    r"§[ -]?most\w*|§wards?\b|§[ -]?hand\b(?! man)|§[ -]?side\b(?! up)|§ sides\b|\b(?:upper|lower|top"
    r"|bottom|mid)[ -]?§(?!\w)"
    r"|\bfar-§(?!\w)|\b(?:outermost|extreme|the most) §(?!\w| answer| choice| of the time)"
    # The two beside each other: "left or right", "from left to right", "on the left or on the right".
    r"|§['\"”’]?(?: ?[/,|_] ?| vs\.? | versus |[ -]to[ -]|,?[ -](?:or|and)[ -](?:a )?(?:more |further )?"
    rf"(?:(?:on|to|at|from|in) )?(?:{_THE} )?)['\"“‘]?§"
    # "On the left", "to its right", "at the far left".
    rf"|\b(?:on|to|at|toward|towards|from|off|nearer|by) {_THE} {_MORE}§{_END}|\b(?:on|to) {_THE} §(?=\b ?<mask>)"
    rf"|\bin {_THE} §(?= of\b)"
    # "Further left than", "furthest right", "turn left".
    rf"|\b(?:further|farther|furthest|farthest|far|slightly) §{_END}|\bmore §(?= (?:than|as)\b)"
    r"|\b(?:turn|veer|steer|drift|lean|move|shift)(?:s|ed|ing)? §(?=\W*$| ?[.,;:?!]| (?:or|of|to)\b)"
    # "Left of the shelf", where it is no rest, no right of way and nothing said of what remains.
    r"|(?:\bthe one |(?<!what's )(?<!what is )(?<!much is )(?<!much )(?<!anything )(?<!nothing )"
    r"(?<!something )(?<!any )(?<!all )(?<!few )"
    r"(?<!the )(?<!one )(?<!many are )(?<!many )(?<!there )(?<!have )(?<!has )"
    r")§ of (?=<mask>|\[region|obj|it\b|that\b|where\b|(?:the|a|an|this|another|its|pallet|buffer|shelf"
    r"|transporter|region|object)\b)"
    r"(?!the (?:original|initial|stock|batch|delivery|day|total|\d|ones)\b)(?!(?:these|those|them)\b)"
    # "In the left buffer", "from the left pallet", "the left pallet <mask>".
    rf"|{_THE} {_MORE}§(?:[ -]hand)? {_PLACE}(?! for\b| to (?!{_THE}|<))"
    rf"|\b{_FROM} the §(?: \w+)? {_THING}(?! for\b| to (?!{_THE}|<))|\bthe §(?: \w+)? {_THING}(?= ?<mask>)"
    # Nothing but the side: a typed answer.
    r"|^\W*§\W*$|\b(?:side|direction|position)(?: is|:| =) §(?=\W*$)"
)
"""Says a side, whichever of the two stands there."""

_OF_TWO = re.compile(
    r"\bthe §(?: (?:one|thing|ones|thing)\b)?(?=\W*$| ?[.,;:?!]| (?:of|or|and|is|does|among|hold|contain)\b)"
)
"""A side where the text names another one: "the left pallet <mask> and the right one"."""

_HANDED = re.compile(
    r"clockwise|\b(?:east|west)(?:ern|ward|wards|most|erly)?\b|\b(?:north|south)-?(?:east|west)"
    r"|\b[lr]\.?h\.?s\b|starboard"
    r"|\bport[ -]?side\b|o['’]clock|[←→↖↗↘↙⬅➡]|\bl ?(?:/|or) ?r\b|\bmirror(?:ed|s)?\b"
    r"|\b(?:links|linke[nrms]?|rechts|rechte[nrms]?|gauche|droite|izquierd[ao]|derech[ao])\b|[左右]"
)
"""Words that a mirror changes, too, and that are not exchanged."""


def swap_sides(text: str) -> str:
    """The text with every "left" and "right" exchanged that says a side, also inside words: "leftmost", "right-hand".

    It describes the mirrored picture as the original text describes the original one, if :func:`can_mirror` says so.
    """
    for place in sorted(_read(text)[0], reverse=True):
        found = _SIDE.match(text, place)
        assert found is not None
        text = text[:place] + _OTHER[found[0]] + text[found.end() :]
    return text


def can_mirror(text: str) -> bool:
    """Whether it is known of every word of the text what it means in the mirrored picture."""
    return _read(text)[1]


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[frozenset[int], bool]:
    """Where in the text a side is said, and whether nothing is left open."""
    small = text.lower()
    if len(small) != len(text):  # a letter whose small form is two: places would not agree
        small = text
    if "left" not in small and "right" not in small:
        return frozenset(), _HANDED.search(small) is None
    candidates = [found.start() for found in re.finditer("left|right", small)]
    known = {place for place in candidates if _SIDE.match(text, place)}
    neutral, places = _neutral(small, candidates)
    none, sides = _covered(_NO_SIDE, neutral), _covered(_SAYS_SIDE, neutral)
    if sides:
        sides |= _covered(_OF_TWO, neutral)
    said = {places[at] for at in sides - none}
    open_ = set(candidates) - {places[at] for at in sides ^ none}
    return frozenset(said & known), not open_ and said <= known and _HANDED.search(small) is None


def _neutral(small: str, candidates: list[int]) -> tuple[str, dict[int, int]]:
    """The text with "§" for each side and single spaces; and the place in the text of each "§"."""
    pieces: list[str] = []
    places: dict[int, int] = {}
    length, start = 0, 0
    for place in [*candidates, len(small)]:
        piece = re.sub(r"\s+", " ", small[start:place].replace("§", "$"))
        pieces.append(piece)
        length += len(piece)
        if place < len(small):
            places[length] = place
            pieces.append("§")
            length += 1
            start = place + (4 if small.startswith("left", place) else 5)
    return "".join(pieces), places


def _covered(pattern: re.Pattern[str], neutral: str) -> set[int]:
    """Places of the "§" within what the pattern finds, also where two findings overlap."""
    covered: set[int] = set()
    at = 0
    while found := pattern.search(neutral, at):
        covered |= {found.start() + offset for offset, sign in enumerate(found[0]) if sign == "§"}
        at = found.start() + 1
    return covered
