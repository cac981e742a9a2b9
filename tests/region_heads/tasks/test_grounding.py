"""Which regions a freeform answer rests on, and in which role."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.tasks import TASKS, Task
from region_heads.tasks.grounding import ground

ROOT = Path(__file__).resolve().parents[3]
REAL = Path(os.environ.get("REGION_HEADS_REAL_DATA", ROOT.parent / "shared" / "data")) / "questions.jsonl"


def grounded(task: str, text: str, target: object = None, regions: int = 12) -> list[tuple[int, str]] | None:
    found = ground(Task.of(task).grounding, text, target, regions=regions)
    return None if found is None else [(one.region, one.role) for one in found]


def test_a_distance_lies_between_the_two_regions_of_its_sentence() -> None:
    assert grounded("distance", "From [Region 1] to [Region 0] it is 4 meters.") == [(1, "answer"), (0, "answer")]
    text = "[Region 4] is the leftmost pallet. From the pallet [Region 4] to the shelf [Region 2] it is 3.5 meters."
    assert grounded("distance", text) == [(4, "answer"), (2, "answer")]


def test_a_choice_is_held_against_its_anchor_and_not_against_the_other_candidates() -> None:
    text = "Among the pallet [Region 0], the pallet [Region 1] and [Region 2], the pallet [Region 1] is the leftmost."
    assert grounded("multiple_choice", text, 1) == [(1, "answer")]
    text = "The pallet [Region 2] is the nearest to the transporter [Region 4], so it is the one to fetch."
    assert grounded("multiple_choice", text, 2) == [(2, "answer"), (4, "anchor")]


def test_what_is_counted_is_the_answer_and_the_place_is_the_last_anchor() -> None:
    text = "The buffer [Region 9] is the nearest to the shelf [Region 11]. It holds pallets [Region 2] [Region 4]."
    assert grounded("counting", text, 2) == [(11, "anchor"), (2, "answer"), (4, "answer"), (9, "anchor")]
    text = "The shelf [Region 4] is the left one. The buffer [Region 0] is closest to it. No pallet is in [Region 0]."
    assert grounded("counting", text, 0) == [(4, "anchor"), (0, "anchor")]
    assert grounded("counting", "The leftmost buffer is [Region 1]. One pallet is in it.", 1) == [(1, "anchor")]


@pytest.mark.parametrize(
    ("task", "text", "target", "said"),
    [
        ("counting", "Pallets [Region 0] [Region 1] are in the buffer [Region 2].", 3, "names 3 counted regions"),
        ("multiple_choice", "The pallet [Region 1] is the leftmost.", 2, "names the chosen region 2"),
        ("multiple_choice", "The pallet [Region 1] is left of [Region 2], and is the leftmost.", 2, "chooses region 2"),
        ("distance", "From [Region 0] to [Region 40] it is 1 meter.", 1.0, "regions from 0 to 11, found 40"),
    ],
)
def test_an_answer_that_contradicts_its_target_says_how(task: str, text: str, target: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        grounded(task, text, target)


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_an_answer_without_regions_has_no_grounding(task: str) -> None:
    assert grounded(task, "About three.") is None


@given(st.sampled_from(TASKS), st.text(alphabet="[Region 0123]. buffer pallet left in is of,", max_size=80))
def test_regions_are_named_once_and_exist_or_the_answer_is_refused(task: Task, text: str) -> None:
    try:
        found = ground(task.grounding, text, None, regions=4)
    except ValueError as error:
        assert str(error).startswith("expected ")
        return
    regions = [one.region for one in found or []]
    assert len(set(regions)) == len(regions)
    assert all(0 <= region < 4 for region in regions)


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real answers: {REAL}")
def test_real_answers_are_grounded() -> None:
    rows = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        task, text = Task.of(row["category"]), row["freeform_answer"]
        found = ground(task.grounding, text, None, regions=row["question"].count("<mask>"))
        named = {int(number) for number in re.findall(r"\[Region (\d+)\]", text)}
        assert found, text
        assert {one.region for one in found} <= named
        answers = [one.region for one in found if one.role == "answer"]
        if task.name in ("distance", "left_right"):
            assert len(answers) == 2, text
        elif task.name == "multiple_choice":
            assert len(answers) == 1, text
        else:
            assert any(one.role == "anchor" for one in found), text
