"""Which pictures stay together, and what is known of each group."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from region_heads.errors import RegionHeadsError
from region_heads.quality.drift.profile import answer_range
from region_heads.quality.splits.assignment import Group
from region_heads.user_patterns import search


@dataclass(frozen=True, slots=True)
class SplitQuestion:
    """What grouping needs of a question; ``target`` is None when it is unanswered."""

    image: str
    source_split: str
    task: str
    target: str | float | None
    regions: int


def group_of(images: Iterable[str], pattern: str, alike: Sequence[Sequence[str]]) -> dict[str, str]:
    """Picture to the name of its group.

    Args:
        pattern: A regular expression; its first bracket, or else all of it, names the group. "": by itself.
        alike: Lists of pictures that must stay together besides.

    Raises:
        RegionHeadsError: ``pattern`` is no regular expression or takes too long, or no picture fits it.
    """
    named = {image: image for image in images}
    if pattern:
        found = search(named, pattern, setting="split.group")
        if not found:
            raise RegionHeadsError(
                f"split.group: expected a regular expression that fits the pictures, found {pattern!r}, which fits "
                f"none, e.g. not {next(iter(named), '')!r}"
            )
        # The pattern's text keeps a group's name apart from a picture's.
        named |= {image: f"{pattern}: {text}" for image, text in found.items()}
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.get(name, name) != name:
            parent[name] = name = parent.get(parent[name], parent[name])
        return name

    for images_alike in alike:
        roots = {root(named[image]) for image in images_alike if image in named}
        for name in roots:
            parent[name] = min(roots)
    return {image: root(name) for image, name in named.items()}


def groups(questions: Iterable[SplitQuestion], group_of: Callable[[str], str]) -> dict[str, Group]:
    """What is known of each group; one that no answered question is about belongs to no split, and is left out.

    The stratum is the sorted kinds of its questions: the task with the answer's range, then the mean of the regions.
    """
    asked: defaultdict[str, list[SplitQuestion]] = defaultdict(list)
    for question in questions:
        asked[group_of(question.image)].append(question)
    found = {}
    for name, about in asked.items():
        answered = [question for question in about if question.target is not None]
        if answered:
            kinds = sorted(f"{one.task} {answer_range(one.target)}" for one in about if one.target is not None)
            found[name] = Group(
                sources=frozenset(one.source_split for one in answered) - {""},
                unanswered=frozenset(one.source_split for one in about if one.target is None) - {""},
                tasks=frozenset(one.task for one in answered),
                stratum=(*kinds, f"{fmean(one.regions for one in answered):04.1f}"),
                names=tuple(sorted({one.image for one in about})),
            )
    return found
