"""Which regions a freeform answer rests on, and in which role."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads.tasks import TASKS, Task
from region_heads.tasks.grounding import Grounded, ground

ROOT = Path(__file__).resolve().parents[3]
REAL = Path(os.environ.get("REGION_HEADS_REAL_DATA", ROOT.parent / "shared" / "data")) / "questions.jsonl"


def masks(question: str) -> str:
    return question.replace("#", "<mask>")


def grounded(question: str, task: str, text: str, target: object = None) -> list[tuple[int, str]] | None:
    found = ground(Task.of(task).grounding, masks(question), text, target)
    return None if found is None else [(one.region, one.role) for one in found]


TWO = "How far is # from #?"
FIVE = "How far is the leftmost of the pallets # # from the shelf nearest to it of # # #?"


def test_a_distance_lies_between_the_two_regions_of_its_sentence() -> None:
    assert grounded(TWO, "distance", "From [Region 1] to [Region 0] it is 4 meters.") == [(1, "answer"), (0, "answer")]
    text = "[Region 4] is the leftmost pallet. From the pallet [Region 4] to the shelf [Region 2] it is 3.5 meters."
    assert grounded(FIVE, "distance", text) == [(4, "answer"), (2, "answer")]


def test_the_first_of_two_that_are_compared_is_the_one_whose_side_is_asked_for() -> None:
    text = "Compared with [Region 1], the cube [Region 0] stands left."
    assert grounded("Where is #, compared with #?", "left_right", text, "left") == [(0, "answer"), (1, "answer")]
    other_side = "[Region 1] stands right of [Region 0]."
    assert grounded("Where is # beside #?", "left_right", other_side, "left") == [(0, "answer"), (1, "answer")]
    question = "Is the ball # left of the cube #?"
    assert grounded(question, "left_right", "It is left of [Region 1].", "left") == [(0, "answer"), (1, "answer")]
    turned_questions = ("Compared with #, where is #?", "On which side of the cube # do I find the ball #?")
    for question, pair in (*((turned, [1, 0]) for turned in turned_questions), ("Is # left of #?", [0, 1])):
        found = Task.of("left_right").self_evident(masks(question), "left")
        assert found is not None
        assert [one.region for one in found] == pair


def test_a_choice_is_held_against_its_anchor_and_not_against_the_other_candidates() -> None:
    text = "Among the pallet [Region 0], the pallet [Region 1] and [Region 2], the pallet [Region 1] is the leftmost."
    assert grounded("Which of # # # is leftmost?", "multiple_choice", text, 1) == [(1, "answer")]
    text = "The pallet [Region 2] is the nearest to the transporter [Region 4], so it is the one to fetch."
    assert grounded("Which of # # # # should # fetch?", "multiple_choice", text, 2) == [(2, "answer"), (4, "anchor")]


def test_what_is_counted_is_the_answer_and_the_place_is_the_last_anchor() -> None:
    question = "With the cubes # # # # and the trays # #, how many cubes are in the tray nearest to the lamp #?"
    text = "The tray [Region 5] is the nearest to the lamp [Region 6]. It holds cubes [Region 2] [Region 3]."
    assert grounded(question, "counting", text, 2) == [(6, "anchor"), (2, "answer"), (3, "answer"), (5, "anchor")]
    text = "The lamp is [Region 6]. The tray [Region 4] is closest to it. No cube is in [Region 4]."
    assert grounded(question, "counting", text, 0) == [(6, "anchor"), (4, "anchor")]


def test_what_is_counted_may_have_no_masks() -> None:
    question, text = (
        "The buffers are # # #. How many pallets stand in the leftmost?",
        "The leftmost buffer is [Region 1].",
    )
    assert grounded(question, "counting", f"{text} One pallet is in it.", 1) == [(1, "anchor")]
    assert grounded(question, "counting", text, 1) is None


def test_a_count_tells_by_itself_that_none_or_all_are_counted() -> None:
    known = Task.of("counting").self_evident
    question = masks("Of the cups # # #, how many stand behind the jug #?")
    assert known(question, 0) == []
    assert known(question, 3) == [Grounded(region, "answer") for region in (0, 1, 2)]
    assert known(question, 2) is None
    assert known(question, None) is None
    assert known(masks("The trays are # # #. How many cups stand in the left one?"), 3) is None, "cups have no masks"


@pytest.mark.parametrize(
    ("task", "question", "text", "target", "said"),
    [
        (
            "counting",
            "How many of # # # # are red?",
            "[Region 0] and [Region 1] are red.",
            3,
            "names 3 counted regions",
        ),
        ("multiple_choice", "Which of # # # is leftmost?", "[Region 1] is.", 2, "names the chosen region 2"),
        ("multiple_choice", "Which of # # # is leftmost?", "[Region 1] is left of [Region 2].", 2, "chooses region 2"),
        ("distance", TWO, "From [Region 0] to [Region 40] it is 1 meter.", 1.0, "regions from 0 to 1, found 40"),
    ],
)
def test_an_answer_that_contradicts_its_target_says_how(
    task: str, question: str, text: str, target: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        grounded(question, task, text, target)


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_an_answer_without_regions_has_no_grounding(task: str) -> None:
    assert grounded("How many of # # # are red?", task, "About three.") is None


@given(st.sampled_from(TASKS), st.text(alphabet="[Region 0123]. buffer pallet left in is of,", max_size=80))
def test_regions_are_named_once_and_exist_or_the_answer_is_refused(task: Task, text: str) -> None:
    try:
        found = ground(task.grounding, masks("How many of # # # # are red?"), text, None)
    except ValueError as error:
        assert str(error).startswith("expected ")
        return
    regions = [one.region for one in found or []]
    assert len(set(regions)) == len(regions)
    assert all(0 <= region < 4 for region in regions)


NAMED = ("[Region {}]", "the cube [Region {}]", "cube [Region {}]", "the small one [Region {}]")
SAID = (
    "{many}.", "There are {n}: {many}.", "Only {many}.", "{Many} are left of {reference}, so {n}.",
    "No other but {many}.",
    "{n}; the reference is {reference}.", "Relative to {reference}, the count is {n}: {many}.", "{Many} are not.",
    "None of them is nearer than {reference}.", "All except {many}.", "Compared with {reference}, {many} are larger.",
    "Left of {reference} stand {many}.", "Of {all}, {many} are metal.", "{Many} lie within 40 cm of {reference}.",
    "The leftmost is {one}.", "{One} is metal, {reference} is not.", "In the tray {reference}: {many}.", "So {n}.",
    "The tray {reference} holds {many}.", "{Many}, in contrast to {reference}, are small.", "{All} are listed.",
)  # fmt: skip
ASKED = (
    "How many of {all} are left of {reference}?", "Of the cubes {all}, how many are nearer than {reference}?",
    "Seen from {reference}, how many of the cubes {all} are metal?",
    "Given {all}, how many cubes lie near {reference}?", "How many cubes of {all} are in {reference}?",
    "With the tray {reference} and the cubes {all}, how many cubes are in it?",
)  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, str, int, set[int], int]:
    """A question that counts in a list against a reference beside it, and a text of any sentences."""
    size, asked = draw(st.integers(2, 6)), draw(st.sampled_from(ASKED))
    first = asked.index("{reference}") < asked.index("{all}")
    listed, reference = list(range(first, size + first)), 0 if first else size
    nouns = draw(st.sampled_from(NAMED))
    joint = draw(st.sampled_from((", ", " and ", " ", "; ")))

    def several(regions: list[int]) -> str:
        shown = [nouns.format(region) for region in regions]
        return joint.join(shown) if len(shown) < 2 or joint != ", " else f"{', '.join(shown[:-1])} and {shown[-1]}"

    sentences = []
    for sentence in draw(st.lists(st.sampled_from(SAID), min_size=1, max_size=4)):
        many = several(draw(st.lists(st.sampled_from(listed), min_size=1, max_size=size, unique=True)))
        one = nouns.format(draw(st.sampled_from(listed)))
        everything = several(listed)
        sentences.append(
            sentence.format(
                many=many, Many=many.capitalize(), one=one, One=one.capitalize(), all=everything,
                All=everything.capitalize(), reference=f"[Region {reference}]", n=draw(st.integers(0, size)),
            )
        )  # fmt: skip
    question = asked.format(all=" ".join(["#"] * size), reference="#")
    return masks(question), " ".join(sentences), draw(st.integers(0, size)), set(listed), reference


@given(answers())
@settings(max_examples=200)
def test_what_is_counted_is_as_much_as_the_count_says_and_never_the_reference(
    drawn: tuple[str, str, int, set[int], int],
) -> None:
    question, text, target, listed, reference = drawn
    try:
        found = ground(Task.of("counting").grounding, question, text, target)
    except ValueError as error:
        assert str(error).startswith("expected ")
        return
    counted = [one.region for one in found or [] if one.role == "answer"]
    assert found is None or len(counted) == target
    assert {*counted} <= listed
    assert reference not in counted


@given(answers(), st.sampled_from(["distance", "left_right", "multiple_choice"]), st.sampled_from(["left", "right"]))
def test_a_comparison_has_two_regions_and_a_choice_the_one_of_the_target(
    drawn: tuple[str, str, int, set[int], int], name: str, side: str
) -> None:
    question, text, number, *_ = drawn
    target = {"distance": float(number), "left_right": side, "multiple_choice": number}[name]
    try:
        found = ground(Task.of(name).grounding, question, text, target)
    except ValueError as error:
        assert str(error).startswith("expected ")
        return
    chosen = [one.region for one in found or [] if one.role == "answer"]
    assert found is None or (chosen == [number] if name == "multiple_choice" else len(set(chosen)) == 2)


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real answers: {REAL}")
def test_real_answers_are_grounded() -> None:
    rows = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        task, text = Task.of(row["category"]), row["freeform_answer"]
        found = ground(task.grounding, row["question"], text, None)
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
