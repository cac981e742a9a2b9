"""Whether a compiled pipeline that lies in a file is still what params.yaml and the code make."""

import difflib
from pathlib import Path

from region_heads.errors import RegionHeadsError

_SHOWN = 40  # lines of a difference; the first ones say what it is about


def check_drift(expected: str, file: Path) -> None:
    """Compares ``file`` with what it should hold, to the byte; writes nothing.

    Raises:
        RegionHeadsError: It is missing or differs; the message has the beginning of the difference.
    """
    try:
        found = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RegionHeadsError(
            f"{file}: no such file; expected a compiled pipeline: run the same command without --check"
        ) from None
    except UnicodeDecodeError as error:
        raise RegionHeadsError(f"{file}: expected a compiled pipeline, found no text ({error})") from None
    if found == expected:
        return
    lines = list(
        difflib.unified_diff(
            found.splitlines(),
            expected.splitlines(),
            str(file),
            "what they make",
            lineterm="",
            n=1,
        )
    )
    more = [f"… {len(lines) - _SHOWN} more lines"] if len(lines) > _SHOWN else []
    shown = "\n".join([*lines[:_SHOWN], *more])
    raise RegionHeadsError(
        f"{file}: has drifted from params.yaml and the code; compile it again and commit it, or take the change back "
        f"(REGION_HEADS_IMAGE belongs to it):\n{shown}"
    )
