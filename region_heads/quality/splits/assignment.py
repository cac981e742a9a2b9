"""Groups of pictures to splits: each whole, test by name alone, validation like training.

A group's place in [0, 1) is a hash of its name, and the test split is all below a border: it is frozen, since new data
never moves an old group in or out of it. Validation is drawn from the others so that it resembles them: they are
ordered by what is asked about them, and every k-th validates (systematic sampling from an ordered list, which
stratifies implicitly: W. G. Cochran, "Sampling Techniques", 1977, chapter 8).

There is one exception, for small data sets: where a split that must hold a task has none of it, the group that stands
nearest to the split's border is moved, and the report lists it.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from region_heads.errors import RegionHeadsError

SPLITS = ("train", "val", "test")
_STRICTEST_FIRST = ("test", "val", "train")

FEWEST_IMAGES = 3
"""A task that this many pictures show must be in every split; with fewer pictures there are no three splits."""

_ANY = "answered question"


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that stay together, with answered questions: mostly one, or those of a scene.

    Attributes:
        sources: Splits of the data set that give answers about them.
        tasks: Tasks of their answered questions.
        stratum: What is asked about them, so that near ones in order are alike.
        names: What their place is a hash of; the lowest counts, so that a group that grows can only move to test.
        unanswered: Splits of the data set that ask about them and keep the answers.
    """

    sources: frozenset[str]
    tasks: frozenset[str]
    stratum: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unanswered: frozenset[str] = frozenset()


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
    draft = _Draft(groups, shares, seed)
    if len(groups) < len(draft.wanted):
        raise RegionHeadsError(
            f"expected at least {len(draft.wanted)} pictures with answered questions for the splits "
            f"{', '.join(draft.wanted)}, found {len(groups)}; add pictures, or set the shares of splits that you do "
            "not need to 0"
        )
    draft.place(keep=keep)
    if keep and len(draft.free) < len(groups):
        draft.carve()
    else:
        draft.draw_validation(shares["val"] / (1 - shares["test"]))
    draft.repair()
    return draft.result


class _Draft:
    """An assignment while it is made.

    Attributes:
        wanted: Splits that get a share.
        free: Groups that no source split binds.
    """

    def __init__(self, groups: Mapping[str, Group], shares: Mapping[str, float], seed: int) -> None:
        self.result = Assignment(split={})
        self.wanted = [split for split in SPLITS if shares[split] > 0]
        self.free: set[str] = set()
        self._groups, self._shares, self._seed = groups, shares, seed
        self._held: dict[str, Counter[str]] = defaultdict(Counter)  # by split: groups with each need

    def place(self, *, keep: bool) -> None:
        """Groups to their source split, or by their place to test or training."""
        for name, group in sorted(self._groups.items()):
            named = group.sources | group.unanswered
            sources = [split for split in _STRICTEST_FIRST if keep and split in named]
            if sources:
                self.result.split[name] = sources[0]
            else:
                self.result.split[name] = "test" if self._place(name) < self._shares["test"] else "train"
                self.free.add(name)
            if len(sources) > 1:
                self.result.conflicts.append(name)

    def draw_validation(self, share: float) -> None:
        """Every k-th of the free groups that are not for the test, in the order of what is asked about them."""
        names = [name for name in self.free if self.result.split[name] == "train"]
        names.sort(key=lambda name: (self._groups[name].stratum, self._place(name)))
        start = place(self._seed, "validation")
        for number, name in enumerate(names):
            if int((number + 1) * share + start) > int(number * share + start):
                self.result.split[name] = "val"

    def carve(self) -> None:
        """Takes splits that the data set does not bring with answers from the training groups."""
        split, shares = self.result.split, self._shares
        holding = {
            split[name] for name, group in self._groups.items() if split[name] not in group.unanswered - group.sources
        }
        carved = self.result.carved = [one for one in self.wanted if one not in holding and one != "train"]
        if not carved:
            return
        self.free.update(name for name in self._groups if split[name] == "train")
        if "test" in carved:
            test = shares["test"] / (shares["train"] + shares["test"] + shares["val"] * ("val" in carved))
            split.update((name, "test") for name in self.free if self._place(name) < test)
        if "val" in carved:
            self.draw_validation(shares["val"] / (shares["train"] + shares["val"]))

    def repair(self) -> None:
        """Moves free groups until every split holds what it must: each common task, and at least one question."""
        result = self.result
        shown = Counter(task for group in self._groups.values() for task in group.tasks)
        need = {task for task, count in shown.items() if count >= FEWEST_IMAGES}
        for name, group in self._groups.items():
            self._held[result.split[name]].update(_needs(group))
        for task in [*sorted(need, key=lambda task: (shown[task], task)), _ANY]:
            for split in _STRICTEST_FIRST:
                if split in self.wanted and not self._held[split][task] and not self._move(task, split, need):
                    result.missing.append((split, task))
        if result.missing:
            gaps = "; ".join(f"{split} holds no {task}" for split, task in result.missing)
            raise RegionHeadsError(
                f"{gaps}, although enough pictures show it; set split.source_splits to ignore, "
                "change split.seed or the shares, or add pictures"
            )
        result.missing = [
            (split, task)
            for split in self.wanted
            for task in sorted(shown)
            if task not in need and not self._held[split][task]
        ]

    def _move(self, task: str, goal: str, need: set[str]) -> bool:
        """Moves the free group with ``task`` whose split can spare it: from the fullest split, lowest place first."""
        candidates = []
        for name in self.free:
            group, origin = self._groups[name], self.result.split[name]
            if task in _needs(group) and all(self._held[origin][one] > 1 for one in {*(group.tasks & need), _ANY}):
                candidates.append((-self._held[origin][task], self._place(name), name))
        if not candidates:
            return False
        name = min(candidates)[2]
        origin, needs = self.result.split[name], _needs(self._groups[name])
        self._held[origin].subtract(needs)
        self._held[goal].update(needs)
        self.result.split[name] = goal
        self.result.moved.append((name, origin, goal, task))
        return True

    def _place(self, name: str) -> float:
        return lowest_place(self._seed, name, self._groups[name])


def _needs(group: Group) -> list[str]:
    return [*group.tasks, _ANY]
