"""Questions by which the router knows a task; one text file a task, one question a line."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def wordings_of(task: str) -> tuple[str, ...]:
    """The questions in this folder's file for ``task``."""
    return tuple((_FOLDER / f"{task}.txt").read_text(encoding="utf-8").splitlines())
