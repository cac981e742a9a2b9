"""Which picture goes to which split, and how often a question of training is taken."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_heads.errors import RegionHeadsError
from region_heads.quality.splits.assignment import SPLITS, Group, assign
from region_heads.quality.splits.balance import copies
from region_heads.tasks import TASK_NAMES

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


pictures = st.dictionaries(
    st.integers(0, 10_000).map("{}.png".format),
    st.builds(
        Group,
        sources=st.frozensets(st.sampled_from(["", "train", "val", "test"]), min_size=1, max_size=2),
        tasks=st.frozensets(st.sampled_from(TASK_NAMES), min_size=1),
    ),
    min_size=1,
    max_size=60,
)


@given(pictures, st.integers(0, 5), st.booleans())
def test_each_picture_has_one_split_and_each_split_the_common_tasks(
    shown: dict[str, Group], seed: int, keep: bool
) -> None:
    try:
        found = assign(shown, SHARES, seed=seed, keep=keep)
    except RegionHeadsError as error:
        assert "add pictures" in str(error)
        return
    assert found.split.keys() == shown.keys()
    assert set(found.split.values()) <= set(SPLITS)
    for task in TASK_NAMES:
        showing = [name for name, picture in shown.items() if task in picture.tasks]
        if len(showing) >= 3:
            assert {found.split[name] for name in showing} == set(SPLITS)


@given(pictures, st.integers(0, 5), st.randoms())
def test_the_order_of_the_pictures_does_not_matter(shown: dict[str, Group], seed: int, chance: random.Random) -> None:
    names = list(shown)
    chance.shuffle(names)
    try:
        first = assign(shown, SHARES, seed=seed, keep=False)
    except RegionHeadsError:
        return
    assert assign({name: shown[name] for name in names}, SHARES, seed=seed, keep=False) == first


def test_the_test_split_is_frozen_new_pictures_move_no_old_one_in_or_out() -> None:
    every = frozenset(TASK_NAMES)
    few = {f"{number}.png": Group(frozenset([""]), every) for number in range(200)}
    many = {f"{number}.png": Group(frozenset([""]), every) for number in range(400)}
    before, after = (assign(shown, SHARES, seed=0, keep=False).split for shown in (few, many))
    held_out = {name for name, split in before.items() if split == "test"}
    assert held_out == {name for name in before if after[name] == "test"}


def test_the_shares_are_about_those_that_are_asked_for() -> None:
    shown = {f"{number}.png": Group(frozenset([""]), frozenset(TASK_NAMES)) for number in range(2000)}
    counts = Counter(assign(shown, SHARES, seed=0, keep=False).split.values())
    assert {name: pytest.approx(2000 * share, rel=0.15) for name, share in SHARES.items()} == counts


def test_the_splits_that_a_data_set_brings_are_kept() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{split}/{number}.png": Group(frozenset([split]), every) for split in SPLITS for number in range(20)}
    assert all(name.startswith(split) for name, split in assign(shown, SHARES, seed=0, keep=True).split.items())
    assert assign(shown, SHARES, seed=0, keep=False).split != assign(shown, SHARES, seed=0, keep=True).split


def test_a_split_that_a_data_set_lacks_is_taken_from_its_training_pictures() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{s}/{number}.png": Group(frozenset([s]), every) for s in ("train", "val") for number in range(60)}
    found = assign(shown, SHARES, seed=0, keep=True)
    assert found.carved == ["test"]
    assert {name for name, split in found.split.items() if split == "test"} <= {f"train/{n}.png" for n in range(60)}
    assert all(found.split[f"val/{number}.png"] == "val" for number in range(60))


def test_a_picture_that_two_splits_name_goes_to_the_strictest() -> None:
    every = frozenset(TASK_NAMES)
    shown = {f"{number}.png": Group(frozenset([SPLITS[number % 3]]), every) for number in range(30)}
    shown["both.png"] = Group(frozenset(["train", "test"]), every)
    found = assign(shown, SHARES, seed=0, keep=True)
    assert (found.split["both.png"], found.conflicts) == ("test", ["both.png"])


def test_a_picture_of_a_test_split_without_answers_neither_trains_nor_stands_for_a_test_split() -> None:
    """Answers about it that another file gives are judged; the judged split is taken from training all the same."""
    every = frozenset(TASK_NAMES)
    shown = {f"{number}.png": Group(frozenset(["train"]), every) for number in range(60)}
    shown["both.png"] = Group(frozenset(["train"]), every, unanswered=frozenset(["test"]))
    found = assign(shown, SHARES, seed=0, keep=True)
    assert (found.split["both.png"], found.conflicts) == ("test", ["both.png"])
    assert found.carved == ["val", "test"]
    assert Counter(found.split.values())["test"] > 1


def test_too_few_pictures_are_reported() -> None:
    shown = {"a.png": Group(frozenset([""]), frozenset(["distance"]))}
    with pytest.raises(RegionHeadsError, match=r"expected at least 3 pictures .* found 1"):
        assign(shown, SHARES, seed=0, keep=False)


def test_validation_is_drawn_to_resemble_training_where_chance_would_not() -> None:
    rare = {f"{n}.png": Group(frozenset(), frozenset(["counting"]), ("counting 4",)) for n in range(30)}
    common = {f"{n}.png": Group(frozenset(), frozenset(["distance"]), ("distance 2-3",)) for n in range(30, 300)}
    for seed in range(10):
        found = assign(rare | common, SHARES, seed=seed, keep=False).split
        free = [name for name, split in found.items() if split != "test"]
        of_rare = sum(name in rare for name in free) * SHARES["val"] / (1 - SHARES["test"])
        assert abs(sum(found[name] == "val" for name in rare) - of_rare) <= 1


lists_of_tasks = st.lists(st.sampled_from(TASK_NAMES), max_size=80)


def taken(tasks: list[str], balance: str, *, ratio: float = 1.5, temperature: float = 0.5, seed: int = 0) -> list[int]:
    """How often each question is taken; ids are numbers."""
    ids = pa.chunked_array([[str(number) for number in range(len(tasks))]], pa.string())
    numbers = np.array([TASK_NAMES.index(task) for task in tasks], np.int64)
    return copies(ids, numbers, balance=balance, ratio=ratio, temperature=temperature, seed=seed).tolist()


def sizes(tasks: list[str], times: list[int]) -> Counter[str]:
    """Rows of each task in the balanced split."""
    counts: Counter[str] = Counter()
    for task, number in zip(tasks, times, strict=True):
        counts[task] += number
    return counts


@given(lists_of_tasks, st.floats(1, 4), st.integers(0, 3))
def test_a_capped_task_exceeds_the_smallest_by_no_more_than_the_ratio(
    tasks: list[str], ratio: float, seed: int
) -> None:
    times = taken(tasks, "cap", ratio=ratio, seed=seed)
    assert set(times) <= {0, 1}
    if tasks:
        smallest, kept = min(Counter(tasks).values()), sizes(tasks, times)
        assert all(count <= -(-smallest * ratio // 1) for count in kept.values())
        assert min(kept.values()) == smallest


@given(lists_of_tasks, st.floats(0, 1), st.integers(0, 3))
def test_repeating_makes_tasks_as_large_as_the_temperature_says_and_loses_no_question(
    tasks: list[str], temperature: float, seed: int
) -> None:
    original = Counter(tasks)
    oversampled = sizes(tasks, taken(tasks, "oversample", seed=seed))
    assert set(oversampled.values()) <= {max(original.values(), default=0)}
    times = taken(tasks, "temperature", temperature=temperature, seed=seed)
    assert all(times)
    for task, count in sizes(tasks, times).items():
        largest = max(original.values())
        assert count == round(largest * (original[task] / largest) ** temperature)
    assert taken(tasks, "temperature", temperature=1.0) == taken(tasks, "none") == [1] * len(tasks)
