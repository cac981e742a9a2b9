"""Which split a file of an export is, by its name."""

import re
from pathlib import Path

_SPLIT = re.compile(r"(?:^|[_.-])(train|val|test)(?:ing|idation)?(?=\d|[_.-]|$)", re.IGNORECASE)


def split_of(path: Path) -> str:
    """ "train", "val", "test" or "".

    Example:
        >>> split_of(Path("instances_val2017.json")), split_of(Path("questions.csv"))
        ('val', '')
    """
    found = _SPLIT.findall(path.stem)
    return found[0].lower() if len(found) == 1 else ""
