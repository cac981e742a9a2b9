"""A user's file of example questions, from which the router learns beside its own wordings."""

from pathlib import Path

from region_heads.errors import RegionHeadsError, nearest
from region_heads.tagging.classifier import CLASSES, UNKNOWN
from region_heads.tagging.reading import folded, read
from region_heads.tasks import Task

_HEADING = "task\tquestion"
_MOST = 10_000
_LONGEST = 10_000_000  # bytes


def read_examples(file: str | Path) -> list[tuple[str, str]]:
    """Task (or "unknown", for what no task should answer) and question of each line; they stand with a tab between.

    A first line ``task<tab>question`` is a heading. A task may have its name in the public data set. Empty lines are
    passed over.

    Raises:
        RegionHeadsError: The file cannot be read, is too long or holds no example, or a line is none: which line.
    """
    found: list[tuple[str, str]] = []
    seen: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(_lines(Path(file)), start=1):
        if not line.strip() or (number == 1 and line.strip() == _HEADING):
            continue
        try:
            task, question = _example(line)
        except ValueError as error:
            raise RegionHeadsError(f"{file}, line {number}: {error}; correct or remove the line") from None
        before, at = seen.setdefault(read(folded(question)), (task, number))
        if before != task:
            raise RegionHeadsError(
                f"{file}, line {number}: expected {before}, as in line {at}, which asks the same, found {task}; "
                "correct or remove one of them"
            )
        found.append((task, question))
    if not 0 < len(found) <= _MOST:
        raise RegionHeadsError(
            f"{file}: expected from 1 to {_MOST:,} examples, found {len(found):,}; write one a line, as "
            "distance<tab>How far is <mask> from <mask>?, or leave the setting empty"
        )
    return found


def _example(line: str) -> tuple[str, str]:
    parts = [part.strip() for part in line.split("\t")]
    if len(parts) != 2 or not parts[1]:
        raise ValueError(f"expected a task, a tab and a question, found {line.strip()[:100]!r}")
    if parts[0].lower() == UNKNOWN:
        return UNKNOWN, parts[1]
    try:
        return Task.of(parts[0]).name, parts[1]
    except KeyError:
        hint = nearest(parts[0], CLASSES)
        raise ValueError(f"expected one of {', '.join(CLASSES)}, found {parts[0][:100]!r}{hint}") from None


def _lines(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _LONGEST:
            raise RegionHeadsError(f"{file}: expected a file of at most {_LONGEST // 1_000_000} MB, found a longer one")
        content = file.read_bytes()
    except OSError as error:
        raise RegionHeadsError(f"{file}: not readable: {error.strerror}; give the file of examples") from None
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        number = 1 + content[: error.start].count(b"\n")
        raise RegionHeadsError(f"{file}, line {number}: expected text in UTF-8; save the file as UTF-8") from None
