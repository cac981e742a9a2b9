"""Routing: every question is answered by the head of its task, whatever else is in the batch."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.batch import Batch
from region_heads.modeling.model import RegionHeadsModel, RegionHeadsOutput
from region_heads.tasks import TASK_NAMES

Built = tuple[RegionHeadsModel, RegionProcessor]
relaxed = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def run(model: RegionHeadsModel, batch: Batch, **more: Any) -> RegionHeadsOutput:
    return model(batch=replace(batch, **more))


def answer_of(model: RegionHeadsModel, batch: Batch, place: int) -> tuple[str, float, list[float]]:
    """Task, answer and answer weights of the question at ``place`` in the batch."""
    with torch.no_grad():
        outputs = run(model, batch).outputs
    assert outputs is not None
    for task, index in batch.task_index.items():
        for row, position in enumerate(index.tolist()):
            if position == place:
                return task, float(outputs[task].answer[row]), outputs[task].answer_weights[row].tolist()
    raise AssertionError("the question was not routed")


@relaxed
@given(st.lists(st.integers(0, 29), min_size=1, max_size=12, unique=True))
def test_an_answer_does_not_depend_on_the_rest_of_the_batch(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, rows: list[int]
) -> None:
    together = collate([dataset[row] for row in rows])
    for place, row in enumerate(rows):
        task, answer, weights = answer_of(built[0], together, place)
        alone_task, alone, alone_weights = answer_of(built[0], collate([dataset[row]]), 0)
        assert task == alone_task == dataset[row].task.name
        assert answer == pytest.approx(alone, rel=1e-4, abs=1e-5)
        assert weights[: len(alone_weights)] == pytest.approx(alone_weights, abs=1e-4)
        assert weights[len(alone_weights) :] == pytest.approx([0.0] * (len(weights) - len(alone_weights)))


@relaxed
@given(st.lists(st.integers(0, 29), min_size=2, max_size=12, unique=True), st.data())
def test_losses_and_gradients_add_up_over_any_partition(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator, rows: list[int], data: st.DataObject
) -> None:
    """Micro-batches (or ranks), also one that holds no question of some task, sum to the whole batch."""
    model = copy.deepcopy(built[0])
    cut = data.draw(st.integers(1, len(rows) - 1))
    whole = collate([dataset[row] for row in rows])
    counts = {task: torch.tensor(len(index)) for task, index in whole.task_index.items()}
    loss = run(model, whole).loss
    loss.backward()
    expected = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    parts = [
        run(model, collate([dataset[row] for row in part]), step_counts=counts).loss
        for part in (rows[:cut], rows[cut:])
    ]
    total = torch.stack(parts).sum()
    total.backward()
    assert float(total) == pytest.approx(float(loss), rel=1e-4)
    for name, weight in model.named_parameters():
        if name in expected:
            scale = float(expected[name].abs().max()) + 1e-3
            assert float((weight.grad - expected[name]).abs().max()) < 2e-4 * scale, name


def test_heads_without_questions_get_zero_gradients_not_none(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator
) -> None:
    """Under data parallelism a missing gradient would put the ranks out of step."""
    model = copy.deepcopy(built[0])
    only_distance = [row for row in range(30) if dataset[row].task.name == "distance"]
    run(model, collate([dataset[row] for row in only_distance])).loss.backward()
    for task in TASK_NAMES:
        gradients = [weight.grad for weight in model.region_heads.heads[task].parameters()]
        assert all(gradient is not None for gradient in gradients), task
        some = any(bool(gradient.abs().max() > 0) for gradient in gradients if gradient is not None)
        assert some == (task == "distance")


def test_each_head_runs_once_per_step(built: Built, dataset: RegionDataset, collate: RegionDataCollator) -> None:
    model = built[0]
    calls: list[str] = []
    hooks = [
        head.register_forward_hook(lambda *_, task=task: calls.append(task))
        for task, head in model.region_heads.heads.items()
    ]
    with torch.no_grad():
        run(model, collate([dataset[row] for row in range(30)]))
    for hook in hooks:
        hook.remove()
    assert sorted(calls) == sorted(TASK_NAMES)


def test_regions_keep_their_names_under_reordering_of_the_batch(
    built: Built, dataset: RegionDataset, collate: RegionDataCollator
) -> None:
    forward = run(built[0], collate([dataset[row] for row in range(10)])).region_features
    backward = run(built[0], collate([dataset[row] for row in reversed(range(10))])).region_features
    assert forward is not None
    assert backward is not None
    assert torch.allclose(forward, backward.flip(0), atol=1e-5)
