"""Whether the grounded answers of a task are like all of its answers, by kind, and how many of each kind may teach.

Where only counts that take in all that is listed are grounded, gates would learn to count everything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_FAR = 0.1
_CHANCE = 0.001
_RARE = 0.05  # share of the answers below which a kind does not decide how many of the others may teach


@dataclass
class Evenness:
    """Counts of a task's answered questions by ``Task.grounding_kind``, all and the grounded ones."""

    answered: Counter[str] = field(default_factory=Counter)
    grounded: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, *, grounded: bool) -> None:
        """Counts an answered question."""
        self.answered[kind] += 1
        self.grounded[kind] += grounded

    def add(self, later: Evenness) -> None:
        """Adds what was counted elsewhere."""
        self.answered.update(later.answered)
        self.grounded.update(later.grounded)

    @property
    def kinds(self) -> list[str]:
        """Kinds that can be compared, in text order."""
        return sorted(kind for kind, number in self.answered.items() if kind and number)

    @property
    def distance(self) -> float:
        """Total variation between the kinds of the grounded and of all answers: 0 for the same shares, at most 1."""
        return sum(abs(here - there) for here, there in self._shares().values()) / 2

    @property
    def uneven(self) -> bool:
        """Whether the grounded answers differ from all, by more than chance (chi-squared test)."""
        from scipy.stats import chi2_contingency

        table = np.array([(self.grounded[kind], self.answered[kind] - self.grounded[kind]) for kind in self.kinds])
        if len(table) < 2 or not table.sum(axis=0).all() or self.distance <= _FAR:
            return False
        return float(chi2_contingency(table).pvalue) < _CHANCE

    def taught(self) -> dict[str, int]:
        """How many grounded answers of each kind may teach: where they are uneven, the same share of every kind.

        Other kinds than the rare ones set that share, so that none at all are left where one of them is never grounded.
        """
        if not self.uneven:
            return {kind: self.grounded[kind] for kind in self.kinds}
        least = _RARE * sum(self.answered[kind] for kind in self.kinds)
        share = min(self.grounded[kind] / self.answered[kind] for kind in self.kinds if self.answered[kind] >= least)
        return {kind: min(self.grounded[kind], int(share * self.answered[kind])) for kind in self.kinds}

    def warning(self, task: str) -> str:
        """What an uneven task's grounding is like, what training does and what to do; "" for an even one."""
        if not self.uneven:
            return ""
        shares = self._shares()
        kind = max(shares, key=lambda kind: shares[kind][0] - shares[kind][1])
        here, there = shares[kind]
        total = sum(self.grounded[kind] for kind in self.kinds)
        return (
            f"{task}: {total:,} of {sum(self.answered[kind] for kind in self.kinds):,} answers are grounded, and these "
            f'are not like all: "{kind}" is counted in {here:.0%} of them, and in {there:.0%} of all; training leaves '
            f"out the grounding of {total - sum(self.taught().values()):,}, or it would learn that as a rule. Have the "
            'freeform answers name the counted regions, as in "There are two: [Region 0] and [Region 3]."'
        )

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "answered": self.answered.total(),
            "grounded": self.grounded.total(),
            "kinds": {kind: {"answered": self.answered[kind], "grounded": self.grounded[kind]} for kind in self.kinds},
            "distance": self.distance,
            "uneven": self.uneven,
        }

    def _shares(self) -> dict[str, tuple[float, float]]:
        """Share of each kind among the grounded answers, and among all; nothing where none are grounded."""
        grounded, answered = (sum(counts[kind] for kind in self.kinds) for counts in (self.grounded, self.answered))
        if not grounded:
            return {}
        return {kind: (self.grounded[kind] / grounded, self.answered[kind] / answered) for kind in self.kinds}
