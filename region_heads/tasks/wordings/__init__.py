"""Questions by which the router knows a task; one text file a task, one question a line.

A line may have slots, ``{them}``, that stand for any of the phrases of ``slots.txt``: it becomes several questions. The
same phrases are drawn for every task, so that the router learns that they decide none.
"""

import random
import re
from pathlib import Path

_FOLDER = Path(__file__).parent
_SLOT = re.compile(r"\{(\w+)\}")
_DRAWN = 6  # questions that a line with slots becomes


def wordings_of(task: str) -> tuple[str, ...]:
    """The questions in this folder's file for ``task``."""
    return questions_in(_FOLDER / f"{task}.txt")


def questions_in(file: Path) -> tuple[str, ...]:
    """The questions in a file of this kind; always the same ones."""
    slots = {}
    for line in (_FOLDER / "slots.txt").read_text(encoding="utf-8").splitlines():
        name, phrases = line.split(" = ")
        slots[name] = phrases.split(" | ")
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        draw = random.Random(line)
        found += [_filled(line, slots, draw) for _ in range(_DRAWN)] if _SLOT.search(line) else [line]
    return tuple(found)


def _filled(line: str, slots: dict[str, list[str]], draw: random.Random) -> str:
    while _SLOT.search(line):
        line = _SLOT.sub(lambda slot: draw.choice(slots[slot[1]]), line)
    return line
