"""The gate's decisions, on evaluations made by hand."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.params import parse_section
from region_heads.errors import RegionHeadsError
from region_heads.registry.promotion.gate import Verdict
from region_heads.registry.promotion.gate import decide as decide_with_data
from region_heads.registry.promotion.settings import Params
from region_heads.tasks import TASK_NAMES

SOUND = {"gate": {"passed": True, "refusals": []}}


def decide(evaluation: dict[str, Any], params: Params, **about: Any) -> Verdict:
    """The gate's verdict on sound data."""
    return decide_with_data(evaluation, SOUND, params, **about)


def good(champion: str | None = None, gain: float = 0.05, width: float = 0.02) -> dict[str, Any]:
    """An evaluation that passes, better than ``champion`` by ``gain`` on every task, give or take ``width``."""
    change: dict[str, Any] = {
        "difference": gain,
        "ci95": [gain - width, gain + width],
        "n": 100,
        "gained": 50,
        "lost": 50,
    }
    change["gained"] += round(100 * gain)
    return {
        "score": 0.9,
        "tasks": {
            name: {
                "accuracy": 0.9,
                "ci95": [0.85, 0.95],
                "n": 100,
                "baseline": 0.4,
                "baseline_ci95": [0.3, 0.5],
                "baseline_name": "always left",
            }
            for name in TASK_NAMES
        },
        "champion": None
        if champion is None
        else {
            "version": champion,
            "score": 0.9 - gain,
            "comparison": {
                "score": dict(change),
                "tasks": {name: copy.deepcopy(change) for name in TASK_NAMES},
            },
        },
    }


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_the_first_model_is_judged_by_absolute_levels_alone() -> None:
    verdict = decide(good(), Params(), champion=None)
    assert verdict.promoted
    assert verdict.sentence.startswith("Promoted as the first champion")


def test_a_low_score_is_refused_with_the_figure_and_the_threshold() -> None:
    verdict = decide(good() | {"score": 0.2}, Params(min_score=0.5), champion=None)
    assert not verdict.promoted
    assert "S1 is 20.0 %, at least 50.0 % is asked for" in verdict.sentence


def test_a_task_within_reach_of_its_trivial_baseline_is_refused() -> None:
    evaluation = good()
    evaluation["tasks"]["distance"]["ci95"] = [0.49, 0.95]
    assert failed(decide(evaluation, Params(), champion=None)) == ["baseline/distance"]


def test_a_task_without_questions_is_refused() -> None:
    evaluation = good()
    evaluation["tasks"]["counting"] = {"accuracy": None, "ci95": None, "n": 0, "baseline_ci95": None}
    assert failed(decide(evaluation, Params(), champion=None)) == ["questions/counting"]


def test_levels_of_single_tasks_win_over_the_common_one() -> None:
    params = Params(min_accuracy=0.95, min_task_accuracy=dict.fromkeys(TASK_NAMES, 0.8))
    assert decide(good(), params, champion=None).promoted


def test_a_clear_gain_over_the_champion_is_promoted() -> None:
    assert decide(good("3"), Params(), champion="3").promoted


@pytest.mark.parametrize(("gain", "width"), [(0.0, 0.0), (0.0, 0.02), (0.01, 0.02)])
def test_ties_and_gains_that_may_be_chance_do_not_promote(gain: float, width: float) -> None:
    assert failed(decide(good("3", gain, width), Params(), champion="3")) == ["gain"]


def test_a_significant_loss_on_one_task_outweighs_any_gain() -> None:
    evaluation = good("3", gain=0.2)
    task = {"difference": -0.01, "ci95": [-0.02, -0.001], "gained": 0, "lost": 1}
    evaluation["champion"]["comparison"]["tasks"]["counting"] |= task
    verdict = decide(evaluation, Params(), champion="3")
    assert failed(verdict) == ["no loss/counting"]
    assert "a significant loss" in verdict.sentence


def test_a_large_loss_is_refused_even_where_few_questions_hide_its_significance() -> None:
    evaluation = good("3", gain=0.2)
    task = {"difference": -0.2, "ci95": [-0.5, 0.1], "gained": 5, "lost": 25}
    evaluation["champion"]["comparison"]["tasks"]["counting"] |= task
    assert failed(decide(evaluation, Params(), champion="3")) == ["no loss/counting"]


def test_a_loss_that_the_test_cannot_rule_out_is_refused_and_the_sentence_says_what_would_help() -> None:
    evaluation = good("3", gain=0.2)
    task = {"difference": 0.01, "ci95": [-0.07, 0.09], "n": 100, "gained": 9, "lost": 8}
    evaluation["champion"]["comparison"]["tasks"]["counting"] |= task
    verdict = decide(evaluation, Params(max_task_loss=0.03), champion="3")
    assert failed(verdict) == ["no loss/counting"]
    assert "Counting changes by +1.0 points" in verdict.sentence
    assert "a loss of more than 3 points cannot be ruled out" in verdict.sentence
    # The interval reaches 8 points down and may reach 4: half of it, so four times the questions.
    assert "About 400 questions of this kind would decide" in verdict.sentence
    assert decide(evaluation, Params(max_task_loss=0.08), champion="3").promoted


def test_data_that_did_not_pass_its_gate_makes_no_champion() -> None:
    closed = {"gate": {"passed": False, "refusals": ["30 of 100 records were rejected (30.0%)"]}}
    verdict = decide_with_data(good(), closed, Params(), champion=None)
    assert failed(verdict) == ["data gate"]
    assert "30 of 100 records were rejected" in verdict.sentence


@pytest.mark.parametrize(("compared", "now"), [("3", "4"), (None, "4"), ("3", None)])
def test_a_comparison_with_another_champion_than_the_present_one_is_stale(
    compared: str | None, now: str | None
) -> None:
    verdict = decide(good(compared), Params(), champion=now)
    assert failed(verdict) == ["compared with the champion"]
    assert "run the step evaluate again" in verdict.sentence


def test_what_was_rolled_back_does_not_come_back_by_itself() -> None:
    assert failed(decide(good("3"), Params(), champion="3", rolled_back=True)) == ["not rolled back"]


@given(
    score=st.floats(0, 1),
    accuracy=st.floats(0, 1),
    gain=st.floats(-1, 1),
    width=st.floats(0, 0.5),
    champion=st.none() | st.just("3"),
)
def test_promotion_means_that_every_check_holds(
    score: float, accuracy: float, gain: float, width: float, champion: str | None
) -> None:
    evaluation = good(champion, gain, width) | {"score": score}
    evaluation["tasks"]["distance"]["accuracy"] = accuracy
    verdict = decide(evaluation, Params(), champion=champion)
    assert verdict.promoted == all(check.passed for check in verdict.checks)
    assert all(check.sentence.endswith(".") for check in verdict.checks)


def _paths(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(content, dict):
        for key, value in content.items():
            found += _paths(value, (*at, key))
    return found


@given(
    path=st.sampled_from(
        [p for p in _paths(good("3")) if p[-1] not in ("baseline", "baseline_name", "gained", "lost")]
    ),
    value=st.sampled_from(["drop", "0.9", True, float("nan"), float("inf"), -1.5, [], {}, [0.9], [0.9, 0.1]]),
)
def test_whatever_is_missing_or_no_figure_is_never_promoted(path: tuple[Any, ...], value: Any) -> None:
    evaluation = good("3")
    part: Any = evaluation
    for key in path[:-1]:
        part = part[key]
    if value == "drop":
        del part[path[-1]]
    else:
        part[path[-1]] = value
    assert not decide(evaluation, Params(), champion="3").promoted


@pytest.mark.parametrize("gate", [{}, {"passed": "false", "refusals": []}, {"passed": True}, None])
def test_a_check_of_the_data_that_is_not_whole_is_refused(gate: Any) -> None:
    assert not decide_with_data(good(), {"gate": gate}, Params(), champion=None).promoted


def test_the_gate_is_data_and_names_of_tasks_are_checked() -> None:
    with pytest.raises(RegionHeadsError, match=r"min_task_accuracy.distances: unknown task; did you mean 'distance'"):
        parse_section("promote", {"min_task_accuracy": {"distances": 0.5}}, source="params.yaml")


def test_what_must_be_judged_follows_from_training_and_heads() -> None:
    """Data without a task, or a head that is disabled, passes on the others, and the verdict says so."""
    evaluation = good()
    evaluation["tasks"]["counting"] |= {"n": 0, "accuracy": None, "ci95": None, "baseline_ci95": None}
    assert "questions/counting" in failed(decide(evaluation, Params(), champion=None)), "all, where none is told"
    evaluation["judged_tasks"] = ["distance", "left_right", "multiple_choice"]
    verdict = decide(evaluation, Params(), champion=None)
    assert verdict.promoted
    (check,) = [check for check in verdict.checks if check.name == "tasks"]
    assert "not counting, for which there is no training question or no head" in check.sentence
    evaluation["judged_tasks"] = []
    assert not decide(evaluation, Params(), champion=None).promoted


def test_a_model_never_takes_the_place_of_one_that_answers_more() -> None:
    evaluation = good("1") | {"judged_tasks": ["distance", "left_right", "multiple_choice"]}
    assert failed(decide(evaluation, Params(), champion="1", served=TASK_NAMES)) == ["tasks"]


def test_the_champions_weights_with_newer_code_need_no_gain_and_may_lose_nothing() -> None:
    same, worse = good("1", gain=0.0, width=0.1), good("1", gain=-0.02, width=0.1)
    assert "gain" in failed(decide(same, Params(), champion="1"))
    verdict = decide(same, Params(), champion="1", same_weights=True)
    assert verdict.promoted
    assert "the same weights with newer code" in verdict.sentence
    assert not decide(worse, Params(), champion="1", same_weights=True).promoted


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("champion.comparison.tasks.distance.difference", 0.5),
        ("champion.comparison.tasks.distance.gained", 60),
        ("champion.comparison.score.difference", 0.5),
        ("champion.score", 0.1),
        ("tasks.distance.baseline_ci95", None),
        ("tasks.distance.baseline_name", None),
        ("tasks.distance.n", 10**400),
    ],
)
def test_figures_that_contradict_each_other_or_have_no_baseline_count_as_damaged(field: str, value: object) -> None:
    evaluation = good("3")
    *way, last = field.split(".")
    place: Any = evaluation
    for part in way:
        place = place[part]
    place[last] = value
    assert failed(decide(evaluation, Params(), champion="3")) == ["whole"]


@pytest.mark.parametrize("gate", [{"passed": True, "refusals": ["no records"]}, {"passed": False, "refusals": []}])
def test_a_data_gate_that_contradicts_itself_counts_as_damaged(gate: dict[str, Any]) -> None:
    assert failed(decide_with_data(good(), {"gate": gate}, Params(), champion=None)) == ["whole"]


@pytest.mark.parametrize("what", [None, [], "text", 5, [["score", 1]]])
def test_what_is_no_object_counts_as_damaged(what: Any) -> None:
    assert failed(decide_with_data(what, SOUND, Params(), champion=None)) == ["whole"]
    assert failed(decide_with_data(good(), what, Params(), champion=None)) == ["whole"]
