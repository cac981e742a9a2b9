"""How far two sets of questions differ, feature by feature and word by word; the statistics are SciPy's.

Sizes say how much, p-values whether it could be chance: with a hundred thousand questions everything is significant,
so it is the size that decides.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from region_heads.quality.drift.profile import by_number
from region_heads.tasks import TASKS

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True)
class Shift:
    """One feature in two sets.

    Attributes:
        name: The feature, in words.
        measure: What ``size`` is.
        size: 0 for the same distribution, 1 for nothing in common.
        p_value: Probability of such a difference between two samples of one distribution.
        first, second: Shares by value, or the quartiles of a number.
        drifted: Whether ``size`` exceeds the limit and is not chance.
        chance: Whether ``size`` exceeds the limit, and that may be chance.
    """

    name: str
    measure: str
    size: float
    p_value: float
    first: str
    second: str
    drifted: bool
    chance: bool


@dataclass(frozen=True)
class WordShift:
    """A word that stands in another share of a task's questions; shares in 0..1."""

    task: str
    word: str
    first: float
    second: float

    def __str__(self) -> str:
        return f'"{self.word}" stands in {self.first:.0%} and {self.second:.0%} of the {self.task} questions'


_SIGNIFICANT = 0.001


def divergence(first: Mapping[str, int], second: Mapping[str, int]) -> float | None:
    """Jensen-Shannon divergence of two histograms in bits: 0 for equal shares, 1 for no common value.

    None when one of them is empty. Source: J. Lin, "Divergence measures based on the Shannon entropy", 1991.
    """
    from scipy.spatial.distance import jensenshannon

    if not sum(first.values()) or not sum(second.values()):
        return None
    keys = sorted({*first, *second})
    distance = jensenshannon([first.get(key, 0) for key in keys], [second.get(key, 0) for key in keys], base=2)
    return float(distance**2) if np.isfinite(distance) else 0.0


def shifts(first: pa.Table, second: pa.Table, *, limit: float) -> list[Shift]:
    """Every feature of two profiles that both hold.

    Args:
        limit: Size from which a feature counts as drifted.
    """
    found = [_categories("task", _counted(first["task"]), _counted(second["task"]), limit)]
    found += _number("regions of a question", first["regions"], second["regions"], limit)
    found += _number("mask size (share of the picture)", first["mask_share"], second["mask_share"], limit)
    for task in TASKS:
        name = f"answer of {task.name}"
        here, there = (table[task.target_column].drop_null() for table in (first, second))
        if task.target_dtype.startswith("float"):
            found += _number(name, here, there, limit)
        elif len(here) and len(there):
            found.append(_categories(name, _counted(here), _counted(there), limit))
    # A picture counts once, not once a question: those about one picture are no independent samples of its light.
    pictures = [table.group_by(["brightness", "contrast"]).aggregate([]) for table in (first, second)]
    for name in ("brightness", "contrast"):
        here, there = (table[name].drop_null() for table in pictures)
        found += _number(f"{name} of the picture", here, there, limit)
    known, new = (_counted(table["wording"]) for table in (first, second))
    unseen = sum(count for wording, count in new.items() if wording not in known) / max(1, new.total())
    found.append(
        _shift(
            "wording", "share of questions with a wording that the first set does not hold", unseen,
            0.0 if unseen else 1.0, f"{len(known):,} wordings", f"{len(new):,} wordings", limit,
        )
    )  # fmt: skip
    return found


def word_shifts(first: pa.Table, second: pa.Table, *, least: float = 0.15) -> list[WordShift]:
    """Words whose share of a task's questions differs by ``least`` and not by chance; the largest difference first.

    This is where a task shows that its questions have changed although its name has not: transporters stand in 14 %
    of the public training split's multiple-choice questions, and in 74 % of validation's.
    """
    from scipy.stats import fisher_exact

    found = []
    for task in TASKS:
        here, there = (_words(table.filter(pc.equal(table["task"], task.name))["wording"]) for table in (first, second))
        for word in {*here.counts, *there.counts}:
            a, b = here.counts[word], there.counts[word]
            shift = WordShift(task.name, word, a / max(1, here.total), b / max(1, there.total))
            if not here.total or not there.total or abs(shift.first - shift.second) < least:
                continue
            if fisher_exact([[a, here.total - a], [b, there.total - b]]).pvalue < _SIGNIFICANT:
                found.append(shift)
    return sorted(found, key=lambda shift: (-abs(shift.first - shift.second), shift.task, shift.word))


@dataclass(frozen=True)
class _Words:
    counts: Counter[str]
    total: int


def _words(wordings: pa.ChunkedArray) -> _Words:
    counts: Counter[str] = Counter()
    for wording, number in _counted(wordings).items():
        for word in set(_WORD.findall(wording.lower())):
            counts[word] += number
    return _Words(counts, len(wordings))


def _counted(values: pa.ChunkedArray) -> Counter[str]:
    return Counter({str(one["values"]): one["counts"] for one in pc.value_counts(values).to_pylist()})


def _categories(name: str, first: Counter[str], second: Counter[str], limit: float) -> Shift:
    from scipy.stats import chi2_contingency

    keys = sorted(sorted({*first, *second}), key=by_number)
    table = np.array([[counts[key] for key in keys] for counts in (first, second)])
    p_value = float(chi2_contingency(table).pvalue) if len(keys) > 1 and table.sum(axis=1).all() else 1.0
    size = divergence(first, second) or 0.0
    here, there = (
        ", ".join(f"{key}: {counts[key] / max(1, counts.total()):.0%}" for key in keys if counts[key] > 0)
        for counts in (first, second)
    )
    return _shift(name, "Jensen-Shannon divergence", size, p_value, here, there, limit)


def _shift(name: str, measure: str, size: float, p_value: float, first: str, second: str, limit: float) -> Shift:
    large, sure = size > limit, p_value < _SIGNIFICANT
    return Shift(name, measure, size, p_value, first, second, drifted=large and sure, chance=large and not sure)


def _number(name: str, first: pa.ChunkedArray, second: pa.ChunkedArray, limit: float) -> list[Shift]:
    from scipy.stats import ks_2samp

    if not len(first) or not len(second):
        return []
    here, there = (values.to_numpy().astype(np.float64) for values in (first, second))
    result = ks_2samp(here, there)
    size, p_value = float(result.statistic), float(result.pvalue)
    first_quartiles, second_quartiles = (
        "quartiles " + ", ".join(f"{value:.3g}" for value in np.quantile(values, [0.25, 0.5, 0.75]))
        for values in (here, there)
    )
    return [_shift(name, "Kolmogorov-Smirnov statistic", size, p_value, first_quartiles, second_quartiles, limit)]
