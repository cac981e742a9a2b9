"""The grammar's rules, read from ``rules.yaml``: what in a question speaks for which task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True)
class Rule:
    """One line of evidence.

    Attributes:
        expression: What is looked for in the reading of a question.
        weight: How much it says.
        example: A question that it is about.
    """

    expression: re.Pattern[str]
    weight: float
    example: str


Grammar = tuple[Rule, ...]


@cache
def grammar(task: str) -> Grammar:
    """The rules of the task called ``task``; none where the file does not name it."""
    content = _content()
    words = {
        name: f"(?:{'|'.join(about['any_of'])}){about.get('ending', '')}" for name, about in content["words"].items()
    }
    return tuple(
        Rule(_compiled(rule["pattern"], words), float(rule["weight"]), rule["example"])
        for rule in content["tasks"].get(task, ())
    )


def examples(task: str) -> list[str]:
    """The questions that the rules of ``task`` are about."""
    return [rule.example for rule in grammar(task)]


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return content


def _compiled(pattern: str, words: dict[str, str]) -> re.Pattern[str]:
    for name, alternatives in words.items():
        pattern = pattern.replace(f"{{{name}}}", alternatives)
    return re.compile(pattern)
