"""One thing that is wrong with a record, in the words that its owner needs to mend it."""

import reprlib
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Problem:
    """A reason to reject a record.

    Attributes:
        check: Short name of the check, by which reports count.
        field: Where in the record, e.g. ``rle.3.counts``; "" for the record as a whole.
        expected, found: As in an error message.
        advice: What to do.
    """

    check: str
    field: str
    expected: str
    found: str
    advice: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}expected {self.expected}, found {self.found}; {self.advice}"

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def shown(value: object, limit: int = 80) -> str:
    """``value`` as it can stand in a message: quoted, and short."""
    # Cut before it is quoted: a value may be anyone's, and as long as a whole request.
    text = repr(value[: limit + 1]) if isinstance(value, str | bytes) else _SHORT.repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


_SHORT = reprlib.Repr()
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 40
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 120
