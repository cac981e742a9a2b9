"""Groups of pictures to splits: each whole, test by name alone, validation like training.

A group's place in [0, 1) is a hash of its name, and the test split is all below a border: it is frozen, since new data
never moves an old group in or out of it. Validation is drawn from the others so that it resembles them: they are
ordered by what is asked about them, and every k-th validates (systematic sampling from an ordered list, which
stratifies implicitly: W. G. Cochran, "Sampling Techniques", 1977, chapter 8).

There is one exception, for small data sets: where a split that must hold a task has none of it, the group that stands
nearest to the split's border is moved, and the report lists it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from region_heads.errors import RegionHeadsError

SPLITS = ("train", "val", "test")
_STRICTEST_FIRST = ("test", "val", "train")

FEWEST_IMAGES = 3
"""A task that this many pictures show must be in every split; with fewer pictures there are no three splits."""

_ANY = "answered question"


@dataclass(frozen=True)
class Group:
    """Pictures that stay together: mostly one, or those of a scene.

    Attributes:
        sources: Splits of the data set that name them.
        tasks: Tasks of their answered questions.
        stratum: What is asked about them, so that near ones in order are alike.
        names: What their place is a hash of; the lowest counts, so that a group that grows can only move to test.
    """

    sources: frozenset[str]
    tasks: frozenset[str]
    stratum: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass
class Assignment:
    """The split of every group, and what is worth telling about it.

    Attributes:
        conflicts: Groups that several source splits name; they went whole to the strictest.
        carved: Splits that the data set does not bring and that were taken from its training pictures.
        moved: Groups moved so that a split holds a task, as (group, from, to, task).
        missing: (split, task) where a task is missing that too few pictures show.
    """

    split: dict[str, str]
    conflicts: list[str] = field(default_factory=list)
    carved: list[str] = field(default_factory=list)
    moved: list[tuple[str, str, str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)


def place(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on ``name`` and ``seed`` alone."""
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def lowest_place(seed: int, name: str, group: Group) -> float:
    """Where the group called ``name`` stands."""
    return min(place(seed, one) for one in group.names or (name,))


def assign(groups: Mapping[str, Group], shares: Mapping[str, float], *, seed: int, keep: bool) -> Assignment:
    """Shares the groups out.

    Args:
        shares: Share of each split, in 0..1; they add up to 1.
        keep: Whether a picture stays in the split that the data set gives it.

    Raises:
        RegionHeadsError: There are too few pictures, or a split would miss a task that enough pictures show.
    """
    answered = [name for name, group in groups.items() if group.tasks]
    wanted = [split for split in SPLITS if shares[split] > 0]
    if len(answered) < len(wanted):
        raise RegionHeadsError(
            f"expected at least {len(wanted)} pictures with answered questions for the splits {', '.join(wanted)}, "
            f"found {len(answered)}; add pictures, or set the shares of splits that you do not need to 0"
        )
    result = Assignment(split={})
    free: set[str] = set()
    for name in sorted(groups):
        sources = [split for split in _STRICTEST_FIRST if keep and split in groups[name].sources]
        if sources:
            result.split[name] = sources[0]
        else:
            result.split[name] = "test" if lowest_place(seed, name, groups[name]) < shares["test"] else "train"
            free.add(name)
        if len(sources) > 1:
            result.conflicts.append(name)
    if keep and len(free) < len(groups):
        _carve(result, groups, shares, wanted, free, seed)
    else:
        _draw_validation(result, groups, free, shares["val"] / (1 - shares["test"]), seed)
    _repair(result, groups, wanted, free, seed)
    return result


def _draw_validation(result: Assignment, groups: Mapping[str, Group], free: set[str], share: float, seed: int) -> None:
    """Every k-th of the free groups that are not for the test, in the order of what is asked about them."""
    names = [name for name in free if result.split[name] == "train"]
    names.sort(key=lambda name: (not groups[name].tasks, groups[name].stratum, lowest_place(seed, name, groups[name])))
    start = place(seed, "validation")
    for number, name in enumerate(names):
        if int((number + 1) * share + start) > int(number * share + start):
            result.split[name] = "val"


def _carve(
    result: Assignment,
    groups: Mapping[str, Group],
    shares: Mapping[str, float],
    wanted: Sequence[str],
    free: set[str],
    seed: int,
) -> None:
    """Takes splits without answered questions from the training groups, as when a data set brings only one or two."""
    holding = {result.split[name] for name, group in groups.items() if group.tasks}
    result.carved = [split for split in wanted if split not in holding and split != "train"]
    if not result.carved:
        return
    free.update(name for name in groups if result.split[name] == "train")
    test = shares["test"] / (shares["train"] + shares["test"] + shares["val"] * ("val" in result.carved))
    for name in free if "test" in result.carved else ():
        if lowest_place(seed, name, groups[name]) < test:
            result.split[name] = "test"
    if "val" in result.carved:
        _draw_validation(result, groups, free, shares["val"] / (shares["train"] + shares["val"]), seed)


def _repair(result: Assignment, groups: Mapping[str, Group], wanted: Sequence[str], free: set[str], seed: int) -> None:
    """Moves free groups until every split holds what it must: each common task, and at least one question."""
    shown = Counter(task for group in groups.values() for task in group.tasks)
    need = {task for task, count in shown.items() if count >= FEWEST_IMAGES}
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for name, group in groups.items():
        held[result.split[name]].update(_needs(group))
    everything = [*sorted(need, key=lambda task: (shown[task], task)), _ANY]
    for task in everything:
        for split in _STRICTEST_FIRST:
            if split not in wanted or held[split][task]:
                continue
            moved = _movable(result, groups, held, task, need, free, seed)
            if moved is None:
                result.missing.append((split, task))
                continue
            origin, needs = result.split[moved], _needs(groups[moved])
            held[origin].subtract(needs)
            held[split].update(needs)
            result.split[moved] = split
            result.moved.append((moved, origin, split, task))
    if result.missing:
        gaps = "; ".join(f"{split} holds no {task}" for split, task in result.missing)
        raise RegionHeadsError(
            f"{gaps}, although enough pictures show it; set split.source_splits to ignore, "
            "change split.seed or the shares, or add pictures"
        )
    result.missing = [
        (split, task) for split in wanted for task in sorted(shown) if task not in need and not held[split][task]
    ]


def _needs(group: Group) -> list[str]:
    return [*group.tasks, _ANY] if group.tasks else []


def _movable(
    result: Assignment,
    groups: Mapping[str, Group],
    held: Mapping[str, Counter[str]],
    task: str,
    need: set[str],
    free: set[str],
    seed: int,
) -> str | None:
    """The free group with ``task`` whose split can spare it; from the fullest split, lowest hash first."""
    candidates = []
    for name in free:
        tasks = groups[name].tasks
        split = result.split[name]
        if not tasks or (task in need and task not in tasks):
            continue
        spared = {*(tasks & need), _ANY}
        if all(held[split][one] > 1 for one in spared):
            candidates.append((-held[split][task], lowest_place(seed, name, groups[name]), name))
    return min(candidates)[2] if candidates else None
