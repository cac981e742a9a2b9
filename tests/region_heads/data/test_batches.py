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
    drawn = [row for rank in by_rank for batch in rank for row in batch]
    assert Counter(row for row in drawn if row >= 0) == Counter(range(len(images)))
    assert len({len(rank) for rank in by_rank}) == 1, "every rank has as many batches"
    assert all(batch for rank in by_rank for batch in rank), "and none is empty"
    assert len(by_rank[0]) % shape["accumulated"] == 0
    for batch in (batch for rank in by_rank for batch in rank):
        assert len({images[row] for row in batch}) <= shape["images_per_batch"], "memory was planned for so many"
        assert len(batch) == 1 or min(batch) >= 0, "a stand-in is alone"


@given(st.integers(1, 70), st.sampled_from([2, 3, 4, 6, 8, 12]), st.integers(1, 4), st.integers(0, 3))
def test_number_and_content_of_steps_are_the_same_however_a_step_is_shared_out(
    number: int, product: int, questions: int, epoch: int
) -> None:
    """Over all ways to get as many images into a step: ranks x accumulated batches x images in a batch."""
    images = [f"{row % number}.png" for row in range(questions * number)]
    whole = [sorted(step) for step in batches(images, epoch, images_per_batch=product)[0]]
    for ranks in range(1, product + 1):
        for accumulated in range(1, product // ranks + 1):
            if product % (ranks * accumulated) or number < ranks * accumulated:
                continue
            by_rank = batches(
                images, epoch, images_per_batch=product // (ranks * accumulated), ranks=ranks, accumulated=accumulated
            )
            steps = [
                sorted(row for rank in by_rank for batch in rank[at : at + accumulated] for row in batch if row >= 0)
                for at in range(0, len(by_rank[0]), accumulated)
            ]
            assert steps == whole, (ranks, accumulated)


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
