"""Pictures to splits: each picture whole, by its name alone unless a split would miss a task.

A picture's place in [0, 1) is a hash of its path, so new data never moves an old picture. There is one
exception, for small data sets: where a split that must hold a task has none of it, the picture that stands
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
class Picture:
    """What is known of a picture.

    Attributes:
        sources: Splits of the data set that name it.
        tasks: Tasks of its answered questions.
    """

    sources: frozenset[str]
    tasks: frozenset[str]


@dataclass
class Assignment:
    """The split of every picture, and what is worth telling about it.

    Attributes:
        conflicts: Pictures that several source splits name; they went whole to the strictest.
        carved: Splits that the data set does not bring and that were taken from its training pictures.
        moved: Pictures moved so that a split holds a task, as (picture, from, to, task).
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


def assign(pictures: Mapping[str, Picture], shares: Mapping[str, float], *, seed: int, keep: bool) -> Assignment:
    """Shares the pictures out.

    Args:
        shares: Share of each split, in 0..1; they add up to 1.
        keep: Whether a picture stays in the split that the data set gives it.

    Raises:
        RegionHeadsError: There are too few pictures, or a split would miss a task that enough pictures show.
    """
    answered = [name for name, picture in pictures.items() if picture.tasks]
    wanted = [split for split in SPLITS if shares[split] > 0]
    if len(answered) < len(wanted):
        raise RegionHeadsError(
            f"expected at least {len(wanted)} pictures with answered questions for the splits {', '.join(wanted)}, "
            f"found {len(answered)}; add pictures, or set the shares of splits that you do not need to 0"
        )
    result = Assignment(split={})
    free: set[str] = set()
    for name in sorted(pictures):
        sources = [split for split in _STRICTEST_FIRST if keep and split in pictures[name].sources]
        if sources:
            result.split[name] = sources[0]
        else:
            result.split[name] = _by_hash(place(seed, name), shares)
            free.add(name)
        if len(sources) > 1:
            result.conflicts.append(name)
    _carve(result, pictures, shares, wanted, free, seed)
    _repair(result, pictures, wanted, free, seed)
    return result


def _by_hash(number: float, shares: Mapping[str, float]) -> str:
    # Test first and train last: growing the training share moves no picture from train to test.
    border = 0.0
    for split in _STRICTEST_FIRST:
        border += shares[split]
        if number < border:
            return split
    return "train"


def _carve(
    result: Assignment,
    pictures: Mapping[str, Picture],
    shares: Mapping[str, float],
    wanted: Sequence[str],
    free: set[str],
    seed: int,
) -> None:
    """Takes splits without answered questions from the training pictures, as when a data set brings only two."""
    holding = {result.split[name] for name, picture in pictures.items() if picture.tasks}
    result.carved = [
        split for split in wanted if split not in holding and split != "train" and len(free) < len(pictures)
    ]
    if not result.carved:
        return
    taken = {split: shares[split] if split in result.carved or split == "train" else 0.0 for split in SPLITS}
    total = sum(taken.values())
    scaled = {split: share / total for split, share in taken.items()}
    for name in sorted(pictures):
        if result.split[name] == "train":
            result.split[name] = _by_hash(place(seed, name), scaled)
            free.add(name)


def _repair(
    result: Assignment, pictures: Mapping[str, Picture], wanted: Sequence[str], free: set[str], seed: int
) -> None:
    """Moves free pictures until every split holds what it must: each common task, and at least one question."""
    shown = Counter(task for picture in pictures.values() for task in picture.tasks)
    need = {task for task, count in shown.items() if count >= FEWEST_IMAGES}
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for name, picture in pictures.items():
        held[result.split[name]].update(_needs(picture))
    everything = [*sorted(need, key=lambda task: (shown[task], task)), _ANY]
    for task in everything:
        for split in _STRICTEST_FIRST:
            if split not in wanted or held[split][task]:
                continue
            moved = _movable(result, pictures, held, task, need, free, seed)
            if moved is None:
                result.missing.append((split, task))
                continue
            origin, needs = result.split[moved], _needs(pictures[moved])
            held[origin].subtract(needs)
            held[split].update(needs)
            result.split[moved] = split
            result.moved.append((moved, origin, split, task))
    if result.missing:
        told = "; ".join(f"{split} holds no {task}" for split, task in result.missing)
        raise RegionHeadsError(
            f"{told}, although enough pictures show it; set split.source_splits to ignore, "
            "change split.seed or the shares, or add pictures"
        )
    result.missing = [
        (split, task) for split in wanted for task in sorted(shown) if task not in need and not held[split][task]
    ]


def _needs(picture: Picture) -> list[str]:
    return [*picture.tasks, _ANY] if picture.tasks else []


def _movable(
    result: Assignment,
    pictures: Mapping[str, Picture],
    held: Mapping[str, Counter[str]],
    task: str,
    need: set[str],
    free: set[str],
    seed: int,
) -> str | None:
    """The free picture with ``task`` whose split can spare it; from the fullest split, lowest hash first."""
    candidates = []
    for name in free:
        tasks = pictures[name].tasks
        split = result.split[name]
        if not tasks or (task in need and task not in tasks):
            continue
        spared = {*(tasks & need), _ANY}
        if all(held[split][one] > 1 for one in spared):
            candidates.append((-held[split][task], place(seed, name), name))
    return min(candidates)[2] if candidates else None
