"""What a question and its answer call a region: the words in front of its ``<mask>`` or ``[Region i]``.

Every "red metal cube <mask>" says what that region looks like, also where it is not asked for.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

_MOST = 4  # words of a name; what stands before them belongs to something else

_BEFORE = re.compile(r"((?:[^\W\d_]+[ -]){1,8})(?:<mask>|\[\s*Region (\d+)\s*\])", re.IGNORECASE)

_SENTENCE_END = re.compile(r"[.!?;:]\s+")

_MARKED = re.compile(
    r"\b(?:marked|labell?ed|outlined|shown|seen|in region|region|at|by|as|called)(?: as| by| at| with)? $"
)

# Closed classes of English: they end a name, whatever the things are.
_NO_NAME = re.compile(
    r".*\b(?:the|an?|th(?:is|at|ese|ose)|its|to|from|of|in|on|at|by|with|for|near|between|than|and|or|but|as|if|is|are|"
    r"was|were|be|does|do|has|have|which|who|what|where|how|many|much|far|near(?:er|est)|clos(?:er|est)|"
    r"farther|farthest|further|furthest|left|right|most|more|less|one|among|within|not|only|there|it|pick|take|find|"
    r"given|against|beside|behind|before|after|inside|across|toward|towards|reach|separates?|holds?|lies?|stands?)\b"
    r"(?:[ -]|$)",
    re.IGNORECASE,
)


_PLURALS = (
    (re.compile(r"(?<=[^f])fe?$"), "ves"),
    (re.compile(r"(?<=[^aeiou])y$"), "ies"),
    (re.compile(r"(?<=[sxz])$|(?<=[cs]h)$"), "es"),
)


def plural(name: str) -> str:
    """The plural of a name's last word: "how many cubes" asks for what "the red cube <mask>" is called.

    Example:
        >>> from region_heads.data.naming import plural
        >>> [plural(name) for name in ("red cube", "box", "shelf", "toy", "lorry")]
        ['cubes', 'boxes', 'shelves', 'toys', 'lorries']
    """
    word = name.rsplit(maxsplit=1)[-1]
    for ending, instead in _PLURALS:
        if ending.search(word):
            return ending.sub(instead, word)
    return f"{word}s"


def names(text: str) -> list[tuple[int, str]]:
    """Regions and what they are called, in the order of the text; regions without a name are left out.

    Args:
        text: A question, whose masks count from 0, or an answer with ``[Region i]``.

    Example:
        >>> from region_heads.data.naming import names
        >>> names("How far is the red cube <mask> from <mask>, and from the cone marked <mask>?")
        [(0, 'red cube'), (2, 'cone')]
        >>> names("The blue ball [Region 3] is left of [Region 1].")
        [(3, 'blue ball')]
    """
    found, starts = [], {0, *(end.end() for end in _SENTENCE_END.finditer(text))}
    for match in _BEFORE.finditer(text):
        before = _MARKED.sub("", match[1])
        name = _NO_NAME.sub("", before).strip(" -")
        begins = name == before.strip(" -") and match.start() in starts  # "Looking at <mask>"
        if name and not begins:
            region = int(match[2]) if match[2] else text.count("<mask>", 0, match.end()) - 1
            found.append((region, " ".join(name.split()[-_MOST:])))
    return found


Encode = Callable[[str], list[int]]
"""Splits text into tokens, without special ones."""


def name_tokens(name: str, encode: Encode) -> tuple[int, ...]:
    """The tokens of a name and of its plural, by which what is counted is spoken of; each once."""
    return tuple(dict.fromkeys(encode(f" {name} {plural(name)}")))


def shares(texts: Iterable[str], encode: Encode, *, most: int = 1000) -> dict[int, float]:
    """Share of the names in ``texts`` that hold a token, by token; the ``most`` frequent ones, in their order."""
    said: Counter[int] = Counter()
    number = 0
    for text in texts:
        for _, name in names(text):
            said.update(name_tokens(name, encode))
            number += 1
    return {token: count / number for token, count in sorted(said.most_common(most))}
