"""Reads ``wordings.yaml`` and fills its slots: from a meaning and its regions to a question and an answer."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

Rng = np.random.Generator

RESERVED_SHARE = 1 / 3
"""Share of the test split's questions that take a reserved wording, where their meaning has one."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Phrase:
    """Words that stand for regions: each ``<mask>`` in the text is the next of ``regions``."""

    text: str
    regions: tuple[int, ...] = ()


@functools.cache
def wordings() -> Mapping[str, Any]:
    """The content of ``wordings.yaml``."""
    content: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("wordings.yaml").read_text(encoding="utf-8"))
    return content


def _pick(rng: Rng, choices: Mapping[str, list[str]], *, reserved: bool) -> str:
    found = choices["test_only"] if reserved and choices["test_only"] else choices["everywhere"]
    return found[int(rng.integers(len(found)))]


def side_word(rng: Rng, side: str, *, reserved: bool) -> str:
    """A word for "leftmost", "rightmost" or "middle"."""
    return _pick(rng, wordings()["sides"][side], reserved=reserved and rng.random() < 0.25)


def ask(rng: Rng, category: str, meaning: str, slots: Mapping[str, Phrase], *, reserved: bool) -> Phrase:
    """A question with the given meaning; its regions are in the order of its ``<mask>`` placeholders.

    Args:
        rng: chooses the wording.
        category: ``distance``, ``left_right``, ``mcq`` or ``count``.
        meaning: a key below the category in ``wordings.yaml``.
        slots: what fills the slots; wordings with other slots are left out.
        reserved: whether to take a wording that is kept for the test.
    """
    known = wordings()["questions"][category][meaning]
    usable = {
        group: [wording for wording in known[group] if set(_SLOT.findall(wording)) <= slots.keys()] for group in known
    }
    return fill(_pick(rng, usable, reserved=reserved), slots)


def fill(wording: str, slots: Mapping[str, Phrase]) -> Phrase:
    """A wording with its slots filled, its first letter in upper case."""
    regions = [region for slot in _SLOT.findall(wording) for region in slots[slot].regions]
    text = _SLOT.sub(lambda found: slots[found[1]].text, wording)
    return Phrase(text[0].upper() + text[1:], tuple(regions))


def answer(rng: Rng, meaning: str, slots: Mapping[str, str]) -> str:
    """A freeform answer with the given meaning."""
    known = wordings()["answers"][meaning]
    usable = [wording for wording in known if set(_SLOT.findall(wording)) <= slots.keys()]
    text = _SLOT.sub(lambda found: slots[found[1]], usable[int(rng.integers(len(usable)))])
    return text[0].upper() + text[1:]
