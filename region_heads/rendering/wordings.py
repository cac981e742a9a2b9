"""A domain's wordings: from a meaning and its regions to a question and an answer, by slots that are filled."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from region_heads.errors import RegionHeadsError
from region_heads.files.yaml_file import read_yaml

Rng = np.random.Generator

RESERVED_SHARE = 1 / 3
"""Share of the test split's questions that take a reserved wording, where their meaning has one."""

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Phrase:
    """Words that stand for regions: each ``<mask>`` in the text is the next of ``regions``."""

    text: str
    regions: tuple[int, ...] = ()


def reserving(rng: Rng, *, test: bool) -> Callable[[], bool]:
    """Draws for each question whether it takes a wording that is kept for the test."""
    return lambda: test and bool(rng.random() < RESERVED_SHARE)


@dataclass(frozen=True)
class Wordings:
    """What a wordings file holds: questions by category and meaning, answers by meaning, and words for slots.

    Questions and words come in two groups, those that appear ``everywhere`` and those kept for the ``test_only``.
    """

    source: str
    content: Mapping[str, Any]

    @staticmethod
    @functools.cache
    def read(own: Path, other: str = "") -> Wordings:
        """The domain's ``own`` file; what the file ``other`` has stands in place of the domain's.

        Raises:
            RegionHeadsError: A file is missing or no YAML, or ``other`` holds what is no meaning of the domain.
        """
        content = read_yaml(own, advice="reinstall the package")
        if not other:
            return Wordings(own.name, content)
        return Wordings(other, _replaced(content, read_yaml(Path(other), advice="correct sample_data.wordings"), other))

    def word(self, rng: Rng, group: str, name: str, *, reserved: bool) -> str:
        """A word of a group: ``word(rng, "sides", "leftmost", …)`` may be "far-left"."""
        return _pick(rng, self.content[group][name], reserved=reserved)

    def phrase(self, rng: Rng, group: str, name: str, slots: Mapping[str, Phrase], *, reserved: bool) -> Phrase:
        """A word of a group that has slots of its own, with these filled, as it stands amid a sentence."""
        usable = self._usable(self.content[group][name], slots, f"{group}.{name}")
        return fill(_pick(rng, usable, reserved=reserved), slots)

    def ask(self, rng: Rng, category: str, meaning: str, slots: Mapping[str, Phrase], *, reserved: bool) -> Phrase:
        """A question with the given meaning; its regions are in the order of its ``<mask>`` placeholders.

        Args:
            rng: chooses the wording.
            category: ``distance``, ``left_right``, ``mcq`` or ``count``.
            meaning: a key below the category.
            slots: what fills the slots; wordings with other slots are left out.
            reserved: whether to take a wording that is kept for the test.
        """
        known = self.content["questions"][category][meaning]
        usable = self._usable(known, slots, f"questions.{category}.{meaning}")
        asked = fill(_pick(rng, usable, reserved=reserved), slots)
        return Phrase(_upper(asked.text), asked.regions)

    def answer(self, rng: Rng, meaning: str, slots: Mapping[str, str]) -> str:
        """A freeform answer with the given meaning."""
        known = {"everywhere": self.content["answers"][meaning]}
        phrases = {slot: Phrase(word) for slot, word in slots.items()}
        usable = self._usable(known, phrases, f"answers.{meaning}")["everywhere"]
        return _upper(fill(usable[int(rng.integers(len(usable)))], phrases).text)

    def _usable(
        self, known: Mapping[str, Sequence[str]], slots: Mapping[str, Phrase], place: str
    ) -> dict[str, list[str]]:
        usable = {
            group: [wording for wording in found if set(_SLOT.findall(wording)) <= slots.keys()]
            for group, found in known.items()
        }
        if not usable["everywhere"]:
            raise RegionHeadsError(
                f"{self.source}: {place}.everywhere: expected a wording with slots out of "
                f"{', '.join(sorted(slots)) or 'none'}, found none; add one"
            )
        return usable


def fill(wording: str, slots: Mapping[str, Phrase]) -> Phrase:
    """A wording with its slots filled."""
    regions = [region for slot in _SLOT.findall(wording) for region in slots[slot].regions]
    return Phrase(_SLOT.sub(lambda found: slots[found[1]].text, wording), tuple(regions))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _pick(rng: Rng, choices: Mapping[str, Sequence[str]], *, reserved: bool) -> str:
    found = choices["test_only"] if reserved and choices["test_only"] else choices["everywhere"]
    return found[int(rng.integers(len(found)))]


def _replaced(own: Any, other: Any, source: str, place: str = "") -> Any:
    """``own`` with what ``other`` has in its place, down to the groups ``everywhere`` and ``test_only``."""
    if "everywhere" in own:
        lists = isinstance(other, dict) and [other.get(group) for group in ("everywhere", "test_only")]
        texts = lists and all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists)
        if not texts or set(other) - {"everywhere", "test_only"}:
            raise RegionHeadsError(f"{source}: {place}: expected lists of texts, everywhere and test_only")
        return other
    unknown = [key for key in other if key not in own] if isinstance(other, dict) else [str(other)]
    if unknown:
        raise RegionHeadsError(f"{source}: {place or 'file'}: expected some of {', '.join(own)}, found {unknown[0]}")
    merged = {key: _replaced(own[key], value, source, f"{place}.{key}".strip(".")) for key, value in other.items()}
    return {**own, **merged}
