"""Which pictures stay together, and what is known of each group."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from region_heads.errors import RegionHeadsError
from region_heads.quality.drift.profile import answer_range
from region_heads.quality.splits.assignment import Group
from region_heads.tasks import TASKS
from region_heads.user_patterns import search

Numbers = NDArray[np.int64]


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


def groups(questions: pa.Table, group_of: Mapping[str, str]) -> dict[str, Group]:
    """What is known of each group; one that no answered question is about belongs to no split, and is left out.

    The stratum is the sorted kinds of its questions: the task with the answer's range, then the mean of the regions.

    Args:
        questions: Columns image, source_split and task as numbers with their texts (dictionaries), mask_areas, and
            the targets; a question without one is unanswered.
        group_of: Each picture's group.
    """
    numbers: dict[str, int] = {}
    members: defaultdict[str, list[str]] = defaultdict(list)
    image, images = encoded(questions["image"])
    for one in images:
        name = group_of[one]
        numbers.setdefault(name, len(numbers))
        members[name].append(one)
    group = np.array([numbers[group_of[one]] for one in images])[image]
    kind, kinds = _kinds(questions)
    given = kind >= 0
    source, task = encoded(questions["source_split"]), encoded(questions["task"])
    sources, tasks = _sets(group, *source, given), _sets(group, *task, given)
    unanswered = _sets(group, *source, ~given)
    group, kind = group[given], kind[given]
    regions = pc.list_value_length(questions["mask_areas"]).to_numpy()[given]
    counts = np.bincount(group, minlength=len(numbers))
    means = np.bincount(group, weights=regions, minlength=len(numbers)) / np.maximum(counts, 1)
    ends = np.cumsum(counts).tolist()
    ordered = kind[np.lexsort((kind, group))]
    return {
        name: Group(
            sources=sources[number],
            unanswered=unanswered.get(number, frozenset()),
            tasks=tasks[number],
            stratum=(*(kinds[one] for one in ordered[ends[number] - counts[number] : ends[number]]), f"{mean:04.1f}"),
            names=tuple(sorted(members[name])),
        )
        for (name, number), mean in zip(numbers.items(), means.tolist(), strict=True)
        if counts[number]
    }


def encoded(column: pa.ChunkedArray) -> tuple[Numbers, list[str]]:
    """The numbers of a dictionary column, one for each row, and the texts that they stand for."""
    joined = column.unify_dictionaries().combine_chunks()
    return joined.indices.to_numpy().astype(np.int64), joined.dictionary.to_pylist()


def answered(questions: pa.Table) -> NDArray[np.bool_]:
    """Whether each question has a target."""
    given = [questions[task.target_column].is_valid().to_numpy() for task in TASKS]
    return np.asarray(np.stack(given).any(axis=0))


def _kinds(questions: pa.Table) -> tuple[Numbers, list[str]]:
    """A number for the kind of each question, -1 for an unanswered one; and the kinds, in alphabetical order."""
    columns = {task.name: questions[task.target_column].combine_chunks() for task in TASKS}
    distinct = {name: targets.drop_null().dictionary_encode() for name, targets in columns.items()}
    named = {
        name: [f"{name} {answer_range(value)}" for value in values.dictionary.to_pylist()]
        for name, values in distinct.items()
    }
    kinds = sorted({kind for texts in named.values() for kind in texts})
    number = {kind: place for place, kind in enumerate(kinds)}
    found = np.full(questions.num_rows, -1)
    for name, targets in columns.items():
        of_value = np.array([number[kind] for kind in named[name]], np.int64)
        found[targets.is_valid().to_numpy(zero_copy_only=False)] = of_value[distinct[name].indices.to_numpy()]
    return found, kinds


def _sets(
    group: Numbers, number: Numbers, texts: Sequence[str], chosen: NDArray[np.bool_]
) -> dict[int, frozenset[str]]:
    """For each group, the texts other than "" that its ``chosen`` questions have; equal sets are one object."""
    pairs = np.unique(group[chosen] * len(texts) + number[chosen]).tolist()
    shared: dict[frozenset[str], frozenset[str]] = {}
    found = {}
    for name, held in itertools.groupby(pairs, lambda pair: pair // len(texts)):
        one = frozenset(texts[pair % len(texts)] for pair in held) - {""}
        found[name] = shared.setdefault(one, one)
    return found
