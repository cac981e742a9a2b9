"""The quarantine: every rejected record whole, as it stood in its file, with all its reasons."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, TextIO

from region_heads.formats.json_text import LONGEST_RECORD
from region_heads.formats.problem import Problem
from region_heads.formats.reading import Raw, strict_json

_START = 10_000  # characters that are kept of a text that is longer than any record; the file still holds all of it


class Quarantine:
    """Writes JSON lines and counts reasons; a record with two reasons of one kind counts once for it.

    A line is ``{"file", "record", "line", "id", "reasons": [...], "content"}``. Where the original is not standard JSON
    (a broken line, NaN, bytes that are not UTF-8), ``text`` holds it instead of ``content``; of a text that is longer
    than any record, ``text`` holds the start and ``text_length`` is how much of the file is meant.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.records = 0
        self.reasons: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._firsts: dict[tuple[str, str], str] = {}

    def add(self, file: str, raw: Raw, problems: Iterable[Problem]) -> None:
        """Writes one rejected record."""
        problems = list(problems)
        where = f"{file}, {f'line {raw.line}, ' if raw.line else ''}record {raw.number}"
        identity = raw.content.get("id") if isinstance(raw.content, dict) else None
        line: dict[str, Any] = {
            "file": file,
            "record": raw.number,
            "line": raw.line,
            "id": identity if isinstance(identity, str) else None,
            "reasons": [{"message": f"{where}: {one}", **one.as_dict()} for one in problems],
        }
        if raw.problem is None and strict_json(raw.content):
            line["content"] = raw.content
        else:
            line["text"] = raw.text if len(raw.text) <= LONGEST_RECORD else raw.text[:_START]
            line |= {"text_length": len(raw.text)} if len(raw.text) > LONGEST_RECORD else {}
        self._file.write(json.dumps(line) + "\n")
        self.records += 1
        self.files[file] += 1
        checks = dict.fromkeys(problem.check for problem in problems)
        self.reasons.update(checks.keys())
        self._counts.update((check, file) for check in checks)
        for problem in problems:
            self._firsts.setdefault((problem.check, file), f"{where}: {problem}")

    @property
    def examples(self) -> dict[str, str]:
        """For each reason its first record in the file that has the most of them."""
        worst = {check: file for (check, file), _ in reversed(self._counts.most_common())}
        return {check: self._firsts[check, worst[check]] for check in self.reasons}
