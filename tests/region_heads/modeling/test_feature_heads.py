"""The heads on region features of another model: what is optional, what is refused, and that they learn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from region_heads import RegionHeads, RegionHeadsConfig
from region_heads.errors import RegionHeadsError
from region_heads.modeling.backbones.tiny import tiny_config
from region_heads.tasks import TASK_INDEX, TASK_NAMES

D, N = 12, 3
LABELS = torch.tensor([2.5, 1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def heads() -> RegionHeads:
    torch.manual_seed(0)
    return RegionHeads(RegionHeadsConfig(feature_size=D)).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def features() -> Tensor:
    return torch.randn(4, N, D, generator=torch.Generator().manual_seed(1))


def test_every_question_is_answered_by_the_head_of_its_task(heads: RegionHeads, features: Tensor) -> None:
    by_name, losses = heads(features, TASK_NAMES)
    by_index, _ = heads(features, torch.tensor([TASK_INDEX[name] for name in TASK_NAMES]))
    assert losses == {}
    for task, output in by_name.items():
        assert output.answer.shape == (1,)
        assert output.answer_weights.shape == (1, N)
        assert torch.equal(output.answer, by_index[task].answer)


@settings(max_examples=8)
@given(st.lists(st.sampled_from(TASK_NAMES), min_size=1, max_size=4), st.integers(0, 3))
def test_an_answer_depends_neither_on_the_batch_nor_on_padding(
    heads: RegionHeads, tasks: list[str], padding: int
) -> None:
    given = torch.randn(len(tasks), N, D, generator=torch.Generator().manual_seed(len(tasks)))
    padded = torch.cat([given, torch.full((len(tasks), padding, D), torch.nan)], 1)
    together, _ = heads(padded, tasks, valid=torch.arange(N + padding).expand(len(tasks), -1) < N)
    for row, task in enumerate(tasks):
        alone, _ = heads(given[row : row + 1], [task])
        place = tasks[:row].count(task)
        assert float(together[task].answer[place]) == pytest.approx(float(alone[task].answer), rel=1e-4)


def test_a_question_without_a_label_adds_nothing(heads: RegionHeads, features: Tensor) -> None:
    labels = LABELS.clone()
    labels[1] = torch.nan
    outputs, losses = heads(features, TASK_NAMES, labels)
    _, fewer = heads(features[[0, 2, 3]], [TASK_NAMES[row] for row in (0, 2, 3)], labels[[0, 2, 3]])
    assert outputs["left_right"].answer.shape == (1,)
    assert {task: float(loss) for task, loss in losses.items()} == pytest.approx(
        {task: float(loss) for task, loss in fewer.items()}
    )
    assert losses["left_right"] == 0


def test_heads_without_questions_get_zero_gradients_not_none(features: Tensor) -> None:
    heads = RegionHeads(RegionHeadsConfig(feature_size=D))
    _, losses = heads(features[:2], ["distance", "distance"], LABELS[:2])
    sum(losses.values()).backward()
    assert [name for name, weight in heads.named_parameters() if weight.grad is None] == []


def test_what_is_optional_reaches_the_heads(features: Tensor) -> None:
    heads = RegionHeads(RegionHeadsConfig(feature_size=D, geometry_size=4)).eval()
    told = {"geometry": torch.zeros(4, N, 4), "grounding": torch.zeros(4, N, dtype=torch.long)}
    found = {"": heads(features, TASK_NAMES, LABELS, **told)[1]}
    for name, value in {
        "geometry": torch.ones(4, N, 4),
        "question": torch.ones(4, D),
        "inside": torch.ones(4, N, N),
        "grounding": torch.tensor([[1, 2, 0], [2, 1, 0], [-1, 0, 0], [1, 2, 3]]),
    }.items():
        found[name] = heads(features, TASK_NAMES, LABELS, **told | {name: value})[1]
        assert found[name] != found[""], name
    assert all(found["grounding"][task] != found[""][task] for task in TASK_NAMES)


def test_they_compute_in_fp32_under_autocast(heads: RegionHeads, features: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        _, losses = heads(features, TASK_NAMES, LABELS)
    _, expected = heads(features, TASK_NAMES, LABELS)
    assert losses == expected


def test_the_width_may_be_that_of_a_backbone() -> None:
    backbone = tiny_config(vocab_size=32)
    heads = RegionHeads(RegionHeadsConfig(backbone_config=backbone))
    assert heads.sizes[0] == backbone.get_text_config().hidden_size


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"features": torch.zeros(4, N, 5)}, "features: expected the shape [4, 3, 12], found [4, 3, 5]"),
        ({"task_types": ["distance"]}, "task_types: expected one for each of 4 questions, found 1"),
        ({"task_types": torch.tensor([0, 1, 2, 9])}, "task_types: question 3: expected a task that has a head"),
        ({"task_types": ["distance"] * 3 + ["size"]}, "found 'size'"),
        ({"geometry": torch.zeros(4, N, 2)}, "geometry: expected none, found [4, 3, 2]; set geometry_size"),
        ({"valid": torch.zeros(4, N, dtype=torch.bool)}, "valid: question 0: expected at least one region"),
        ({"grounding": torch.zeros(4, 2)}, "grounding: expected the shape [4, 3], found [4, 2]"),
        ({"labels": torch.tensor([-1.0, 1, 2, 3])}, "labels: question 0, distance: expected a distance from 0"),
        ({"labels": torch.tensor([1.0, 2, 2, 3])}, "labels: question 1, left_right: expected a class from 0 to 1"),
        (
            {"labels": torch.tensor([1.0, 1, 3, 3])},
            "labels: question 2, multiple_choice: expected a region from 0 to 2",
        ),
        ({"labels": torch.tensor([1.0, 1, 2, 99])}, "counting: expected counts from 0 to 16"),
        (
            {"labels": LABELS, "valid": torch.tensor([[True, True, False]] * 4)},
            "labels: question 2, multiple_choice: expected a region, found 2, which is padding",
        ),
        (
            {"grounding": torch.ones(4, N, dtype=torch.long), "valid": torch.tensor([[True, True, False]] * 4)},
            "grounding: expected 0 on padding",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    heads: RegionHeads, features: Tensor, changed: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(RegionHeadsError) as refused:
        heads(**{"features": features, "task_types": TASK_NAMES} | changed)
    assert message in str(refused.value)


def test_a_width_or_geometry_that_is_missing_is_refused(features: Tensor) -> None:
    with pytest.raises(RegionHeadsError, match="write RegionHeadsConfig"):
        RegionHeads(RegionHeadsConfig())
    with pytest.raises(RegionHeadsError, match=r"geometry: expected \[4, 3, 2\], found none"):
        RegionHeads(RegionHeadsConfig(feature_size=D, geometry_size=2))(features, TASK_NAMES)
    with pytest.raises(ValueError, match="feature_size: expected 1 or more"):
        RegionHeadsConfig(feature_size=0)


def test_they_learn_to_read_places_from_the_geometry() -> None:
    """The side of the first of two regions, and the leftmost of three, on questions that were not trained."""
    torch.manual_seed(0)
    left_out = {task: {"enabled": False} for task in ("counting", "distance")}
    heads = RegionHeads(RegionHeadsConfig(feature_size=D, geometry_size=1, head_size=32, region_heads_cfg=left_out))
    optimizer = torch.optim.AdamW(heads.parameters(), lr=1e-2)
    tasks = ["left_right"] * 32 + ["multiple_choice"] * 32
    compared = torch.tensor([[1, 2, 0]] * 32 + [[0, 0, 0]] * 32)

    def batch() -> tuple[Tensor, Tensor, Tensor]:
        x = torch.randn(64, N, 1)
        side = (x[:32, 0, 0] > x[:32, 1, 0]).float()
        features = torch.randn(64, N, D)
        features[:32, :, 0] = torch.tensor([4.0, -4.0, 0.0])  # as the question says which two it compares
        return features, x, torch.cat([side, x[32:, :, 0].argmin(-1)])

    for _ in range(40):
        features, x, labels = batch()
        _, losses = heads(features, tasks, labels, geometry=x, grounding=compared)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    features, x, labels = batch()
    with torch.no_grad():
        outputs, _ = heads.eval()(features, tasks, geometry=x)
    answers = torch.cat([outputs["left_right"].answer, outputs["multiple_choice"].answer])
    right = (answers == labels).float()
    assert right[:32].mean() > 0.9
    assert right[32:].mean() > 0.9
