"""What a reader of an export yields: a question as a flat record, or what is wrong with it, and where it stands."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from region_heads.formats.checks import problem_of
from region_heads.formats.problem import Problem
from region_heads.labelling.choices import NamedBoxes

Record = dict[str, Any]


class FieldError(ValueError):
    """A field of an export that cannot be read; the message is "expected …, found …"."""

    def __init__(self, where: str, error: ValueError | str, advice: str) -> None:
        super().__init__(str(error))
        self.problem = problem_of("export", where, ValueError(str(error)), advice)


@dataclass(frozen=True)
class Entry:
    """A question of an export.

    Attributes:
        where: File and record, for messages.
        original: The record as it stands in the export.
        record: The question as a flat record, whose picture is named as in the export; None where it cannot be read.
        problems: Why not.
        split: "train", "val" or "test" where the file is called so, else "".
        annotated: False where a labelling tool asked, and nobody answered: all of it is as it was asked or proposed.
    """

    where: str
    original: Any
    record: Record | None = None
    problems: Sequence[Problem] = ()
    split: str = ""
    annotated: bool = True


@dataclass(frozen=True)
class Options:
    """What an export does not say by itself.

    Attributes:
        boxes: What four bare numbers are; None where no one said it.
        columns: Columns of a table by the fields that they hold.
        questions: File with questions about regions that the export marks.
        size_of: Height and width of a picture that the export names; raises :class:`FieldError`.
        keep: Takes a picture that the export holds itself, and the name that it had; returns the one that it gets.
        masks: Folder that names of mask images start from.
    """

    boxes: NamedBoxes | None = None
    columns: dict[str, str] = field(default_factory=dict)
    questions: Path | None = None
    size_of: Callable[[str], tuple[int, int]] = lambda _name: (0, 0)
    keep: Callable[[bytes, str], str] = lambda _content, name: name
    masks: Path = Path()


Reader = Callable[[Sequence[Path], Options], Iterator[Entry]]
"""Reads the files of an export."""


def read_entry(where: str, original: Any, read: Callable[[], Record], split: str = "") -> Entry:
    """The entry that ``read`` makes of ``original``, or the one that says what is wrong with it."""
    try:
        return Entry(where, original, read(), split=split)
    except FieldError as error:
        return Entry(where, original, problems=[error.problem], split=split)


def expect(content: Any, kind: type, name: str, words: str) -> Any:
    """``content``, which must be of this kind.

    Raises:
        FieldError: It is not.
    """
    if not isinstance(content, kind):
        found = "nothing" if content is None else f"{type(content).__name__}"
        raise FieldError(name, f"expected {words}, found {found}", "export it again, or correct it")
    return content
