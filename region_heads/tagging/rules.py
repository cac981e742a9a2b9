"""The grammar's rules: what in a question speaks for which task, as tables that a person can extend.

Patterns are written for the *reading* of a question (``region_heads.tagging.reading``): lower case, ``#`` for a
region or a run of them, ``>`` before the first question word, "metres" for any unit of length, and the phrases
that merely select an object ("the shelf on the right") folded away. ``{...}`` stands for a word list of
:data:`WORDS`. A rule counts once however often it matches; the weights of a task's rules add up.

Weights: 8 the question word decides alone, 6 the head of the question, 4 a verb or noun that rarely means
anything else, 2 a hint, 1 a trace; negative ones speak against.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

WORDS = {
    # What lies in a warehouse and can be marked.
    "object": r"(?:pallet|buffer|region|zone|area|bay|lane|frame|square|box|crate|load|transporter|forklift|truck|"
    r"vehicle|carrier|robot|agv|cart|jack|shel(?:f|ves)|shelving|rack|object|item|thing|candidate|option|choice|"
    r"element|mask|stack|one|unit|destination|target|pick|machine|mover|storage|rectangle|spot|place|location)(?:e?s)?",
    "length": r"(?:distance|gap|separation|spacing|clearance|interval|range|span|remoteness|proximity|closeness|"
    r"stretch|space|room|path|length|ground|floor|way)s?",
    "superlative": r"(?:leftmost|rightmost|middle|centre|center|central|nearest|closest|farthest|furthest|shortest|"
    r"best|optimal|easiest|quickest|fastest|handiest|ideal|right one|most \w+|least \w+|smallest|largest|biggest|"
    r"outermost|foremost|first|last|extreme|suitable|sensible|preferable)",
    "ask": r"(?:what|whats|tell|give|provide|measure|determine|estimate|estimation|calculate|compute|find|state|report|"
    r"specify|get|need|want|show|work out|figure|indicate|know|output|return|read off|judge|gauge|assess|evaluate|"
    r"approximate|say|name|supply|share|quantify|let)",
    "choose": r"(?:pick|choose|select|identify|name|find|point|highlight|locate|indicate|spot|suggest|recommend|"
    r"determine|tell|give|show|say|return|report|mark|propose|assign|state|decide on|decide|nominate|single|go for|"
    r"send|direct|output|grab|fetch)",
}


@dataclass(frozen=True)
class Rule:
    """One line of evidence.

    Attributes:
        pattern: Regular expression on the reading.
        weight: How much it says.
        example: A question that it is about.
    """

    pattern: str
    weight: float
    example: str

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """The compiled pattern with its word lists filled in."""
        pattern = self.pattern
        for name, words in WORDS.items():
            pattern = pattern.replace(f"{{{name}}}", words)
        return re.compile(pattern)


Grammar = tuple[Rule, ...]

DISTANCE: Grammar = (
    Rule(r">how (?:\w+ )?(?:far|distant|remote)\b", 8, "How far is # from #?"),
    Rule(r">how (?:close|near)\b", 8, "How close is # to #?"),
    Rule(
        r">how much (?:\w+ )?(?:{length}|farther|further|closer|nearer|metres)\b",
        8,
        "How much space is left between # and #?",
    ),
    Rule(
        r">how (?:long|wide|big|large|great|small|short) .*\b(?:{length}|between|from)\b",
        8,
        "How wide is the gap between # and #?",
    ),
    Rule(r">how (?:many|much) (?:\w+ )?(?:metres)\b", 8, "How many metres separate # from #?"),
    Rule(r">(?:what|which) (?:\w+ ){0,2}{length}\b", 7, "What distance lies between # and #?"),
    Rule(
        r"\b{ask}\b(?:(?! (?:which|number|count|tally|total|quantity)\b)[^,.;:?]){0,40}? {length}\b",
        3,
        "Tell me the gap between # and #.",
    ),
    Rule(r"\b(?:distances?|gap|separation|spacing|clearance|apart|remoteness)\b", 3, "# to #: distance?"),
    Rule(r"\bseparat(?:e|es|ed|ing)\b|\bdistant\b", 3, "By what are # and # separated?"),
    Rule(r"\bmetres\b(?! and | above)", 3, "Distance of # and # in metres."),
    Rule(r"\bmeasur(?:e|es|ed|ing|ement)\b", 3, "Measure from # to #."),
    Rule(r"\bhow far\b|\bhow close\b|\bhow near\b|\bhow distant\b", 3, "I wonder how far # is from #."),
    Rule(r"\b{length} (?:from|between|of|separating|that)\b", 2, "The clearance between # and #."),
    Rule(r"\b(?:between|from) .*\b(?:and|to|from)\b.*(?:#|leftmost|rightmost|{object})", 1, "From # to #."),
)

LEFT_RIGHT: Grammar = (
    Rule(
        r"\b(?:left|right)(?: hand)?(?: sides?)?(?: of)?(?:,? or|/| vs| versus)(?: is it)?(?: more)?(?: to| on| at)?"
        r"(?: the| its)? ?(?:left|right)\b",
        5,
        "Is # left or right of #?",
    ),
    Rule(r">(?:what|which) (?:\w+ )?(?:side|hand|direction|way)\b", 8, "On which side of # is #?"),
    Rule(r"\b(?:which|what) (?:side|hand|direction)\b", 4, "Say on which side of # we find #."),
    Rule(
        r"^[^>]*\b(?:is|are|does|do|did|was|were|lies?|lying|sits?|stands?|stays?|appears?|if|whether|would|can|could|has)"
        r"\b[^>]*\b(?:left|right)\b[^>]*$",
        4,
        "Does # appear on the right of #?",
    ),
    Rule(r"(?:left|right)(?: hand)?(?: side)? (?:of|from|than|to)\b", 2, "# is to the left of #, isn't it?"),
    Rule(r"(?:left|right)ward", 4, "Does # lie leftward of #?"),
    Rule(r"\b(?:more|further|farther) (?:to the )?(?:left|right)\b.* than\b", 3, "Is # further left than #?"),
    Rule(r">where (?:is|are|s|do|does|did|would|can|lies|stands|sits)\b", 4, "Where is # relative to #?"),
    Rule(
        r"\b(?:relative|compared|respect|relation|seen|viewed) (?:to|with|from)\b",
        1,
        "Is # on the left compared with #?",
    ),
    Rule(r"\b(?:side|direction)\b", 1, "Name the side of # that # is on."),
    Rule(
        r"\b(?:true|false|correct|right that|yes or no)\b.*\bleft\b|\b(?:true|false|correct|yes or no)\b.*\bright\b",
        3,
        "True or false: # is left of #.",
    ),
)

MULTIPLE_CHOICE: Grammar = (
    Rule(
        r">(?:which|whose|who (?:is|s|stands|sits|lies|comes|should|would))\b"
        r"(?! (?:(?:\w+ )?(?:side|hand|direction|way|distance|number|count|quantity)|the|it)\b)",
        6,
        "Which of # is the leftmost?",
    ),
    Rule(r">what (?:\w+ ){0,2}{object}\b(?! count)", 6, "What pallet should # take?"),
    Rule(
        r">what (?:is|s|would be|are) (?:the |a )?(?:\w+ ){0,2}?{superlative}\b(?! (?:\w+ )?{length})",
        6,
        "What is the closest pallet to #?",
    ),
    Rule(r">where (?:should|must|shall|to)\b", 6, "Where should # go for its next load?"),
    Rule(r"^(?:please )?(?:pick|choose|select|identify|point out|single out)\b", 3, "Pick one of # and #."),
    Rule(r">where (?:is|s|are) the {superlative}\b", 3, "Where is the leftmost of #?"),
    Rule(
        r"\b{choose}\b(?: \w+){0,2}? (?:the |a |an |one )"
        r"(?!(?:number|count|tally|total|quantity|amount|sum)\b)(?:\w+ ){0,2}?(?:{superlative}|{object})\b"
        r"(?!(?: \w+)? (?:{length}|count|number|side)\b)",
        4,
        "Pick the pallet nearest to #.",
    ),
    Rule(r"\b(?:pick|choose|select|identify|decide)\b", 2, "Choose between # and #."),
    Rule(r"\b{superlative} (?:\w+ )?(?:of|among|amongst|out of|from|in|within|to)\b", 1, "The rightmost of #."),
    Rule(
        r"\b(?:pick(?:ed)? up|pickup|picking|retriev\w+|collect\w*|fetch\w*|take|grab\w*|serve[ds]?|assigned)\b",
        2,
        "Which pallet should the transporter pick up?",
    ),
    Rule(r"\b(?:empty|idle|available|free|unloaded|vacant)\b", 2, "The best pallet for an empty transporter."),
    Rule(r"\bshould\b", 1, "Which one should be next?"),
    Rule(
        r"\b(?:smallest|shortest|least|minimal|minimum|lowest) {length}\b",
        1,
        "Which buffer has the smallest distance to #?",
    ),
)

COUNTING: Grammar = (
    Rule(r">how (?:full|empty|crowded|occupied)\b", 8, "How full is the buffer # in pallets?"),
    Rule(r">how many\b(?! (?:\w+ )?metres\b)", 8, "How many pallets are in #?"),
    Rule(r"\bhow many\b(?! (?:\w+ )?metres\b)", 3, "I would like to know how many pallets # holds."),
    Rule(
        r">what (?:\w+ ){0,2}(?:number|count|quantity|amount|total)\b(?! of (?:metres|{length}))",
        5,
        "What number of pallets is in #?",
    ),
    Rule(
        r"\b(?:count|tally|enumerate|add up|total up|sum up|number) (?:up )?"
        r"(?:the|all|every|each|how|only|just|those|any|its|their|#|{object})",
        5,
        "Count the pallets in #.",
    ),
    Rule(
        r"\b(?:number|count|quantity|amount|tally|total|sum|headcount|inventory|stock)\b"
        r"(?! of (?:\w+ )?(?:metres|{length}))",
        3,
        "Give the tally of pallets in #.",
    ),
    Rule(
        r"\b{ask}\b[^,.;:?]{0,30}? (?:number|count|quantity|amount|tally|total|headcount)\b"
        r"(?! of (?:\w+ )?(?:metres|{length}))",
        2,
        "Tell me the total of pallets in #.",
    ),
    Rule(r"\bcounting\b|\bcounted\b", 3, "The pallets counted in #."),
)
