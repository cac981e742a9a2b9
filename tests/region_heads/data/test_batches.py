"""Batches: whole images, shared out to steps and ranks so that nothing is lost, empty or told twice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.data.batches import ImageBatchSampler, repeats
from region_heads.errors import RegionHeadsError

IMAGES = st.lists(st.sampled_from([f"{number}.png" for number in range(30)]), min_size=1, max_size=120)
SHAPE = {"ranks": st.integers(1, 3), "accumulated": st.integers(1, 3), "images_per_batch": st.integers(1, 4)}


def batches(images: list[str], epoch: int = 0, **options: object) -> list[list[list[int]]]:
    """Rows of every batch, by rank."""
    found = []
    for rank in range(int(options.get("ranks", 1))):  # type: ignore[call-overload]
        sampler = ImageBatchSampler(images, rank=rank, **options)  # type: ignore[arg-type]
        sampler.set_epoch(epoch)
        found.append([[row for _, row in batch] for batch in sampler])
        assert len(found[-1]) == len(sampler)
    return found


@given(IMAGES, st.fixed_dictionaries(SHAPE), st.integers(1, 8), st.integers(0, 3))
def test_an_epoch_holds_every_question_once_whatever_it_is_shared_out_to(
    images: list[str], shape: dict[str, int], most: int, epoch: int
) -> None:
    try:
        by_rank = batches(images, epoch, max_questions=most, **shape)
    except RegionHeadsError:
        assert len(set(images)) < shape["ranks"] * shape["accumulated"]
        return
    assert Counter(row for rank in by_rank for batch in rank for row in batch) == Counter(range(len(images)))
    assert len({len(rank) for rank in by_rank}) == 1, "every rank has as many batches"
    assert all(batch for rank in by_rank for batch in rank), "and none is empty"
    assert len(by_rank[0]) % shape["accumulated"] == 0


@given(st.integers(12, 60), st.sampled_from([(1, 4), (2, 2), (4, 1)]), st.integers(0, 3))
def test_a_step_holds_the_same_however_it_is_shared_out(number: int, shape: tuple[int, int], epoch: int) -> None:
    ranks, accumulated = shape
    images = [f"{row % number}.png" for row in range(3 * number)]
    whole = batches(images, epoch, images_per_batch=4)[0]
    shared = batches(images, epoch, images_per_batch=1, ranks=ranks, accumulated=accumulated)
    if number % 4:  # the steps then differ in number only where an epoch has too few images for all
        return
    steps = [
        sorted(row for rank in shared for batch in rank[start : start + accumulated] for row in batch)
        for start in range(0, len(shared[0]), accumulated)
    ]
    assert steps == [sorted(batch) for batch in whole]


def test_orders_differ_by_epoch_and_seed_and_repeat() -> None:
    images = [f"{row}.png" for row in range(40)]
    first = batches(images, 0, images_per_batch=4)
    assert first == batches(images, 0, images_per_batch=4)
    assert first != batches(images, 1, images_per_batch=4)
    assert first != batches(images, 0, images_per_batch=4, seed=1)


@given(st.lists(st.sampled_from("abcd"), min_size=4, max_size=200), st.floats(0, 1))
def test_tasks_come_as_often_as_the_temperature_says(tasks: list[str], temperature: float) -> None:
    counts, often = Counter(tasks), repeats(tasks, temperature)
    assert often.sum() == pytest.approx(len(tasks), abs=1e-5)
    shares = {task: sum(value for value, name in zip(often, tasks, strict=True) if name == task) for task in counts}
    wanted = {task: count**temperature for task, count in counts.items()}
    for task, share in shares.items():
        assert share / len(tasks) == pytest.approx(wanted[task] / sum(wanted.values()), abs=1e-6)


def test_a_rare_task_is_drawn_more_often_in_epochs_of_the_same_length() -> None:
    tasks = ["counting" if row % 10 == 0 else "distance" for row in range(1000)]
    images = [f"{row // 5}.png" for row in range(1000)]
    sampler = ImageBatchSampler(images, tasks, images_per_batch=5, temperature=0.0)
    seen: Counter[str] = Counter()
    for epoch in range(5):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert len(drawn) == len(sampler) == 40
        seen.update(tasks[row] for batch in drawn for _, row in batch)
    assert seen["counting"] / sum(seen.values()) == pytest.approx(0.5, abs=0.05)
    assert np.mean(list(seen.values())) * 2 / 5 == pytest.approx(1000, rel=0.1)
