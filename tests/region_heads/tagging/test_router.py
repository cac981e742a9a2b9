"""Questions are sent to their task by their words alone."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.router import by_keywords, damaged, read_paraphrases, read_real
from region_heads.tagging.classifier import UNKNOWN, WordingClassifier, wordings
from region_heads.tagging.reading import read
from region_heads.tagging.router import judged, tag
from region_heads.tasks import TASK_NAMES

ROOT = Path(__file__).resolve().parents[3]
REAL = Path(os.environ.get("REGION_HEADS_REAL_DATA", ROOT.parent / "shared" / "data"))
PARAPHRASES = [(one.task, one.question) for one in read_paraphrases(Path(__file__).with_name("paraphrases.tsv"))]


@pytest.mark.parametrize(("task", "question"), PARAPHRASES)
def test_a_paraphrase_is_understood(task: str, question: str) -> None:
    found = tag(question)
    assert (found.task, question) == (task, question)


@pytest.mark.skipif(not (REAL / "questions.jsonl").is_file(), reason=f"no real questions in {REAL}")
@pytest.mark.parametrize(("source", "count"), [("real questions", 126), ("real templates", 219)])
def test_every_real_question_is_understood(source: str, count: int) -> None:
    labelled = read_real(REAL)[source]
    assert len(labelled) == count
    assert [one for one in labelled if tag(one.question).task != one.task] == []


@pytest.mark.parametrize(
    "question",
    [
        "", "   ", "<mask>", "<mask> <mask> <mask>", "What colour is the pallet <mask>?", "Describe <mask>.",
        "Is <mask> damaged?", "What is the weather like today?", "Who painted the floor of <mask>?",
        "Wie weit ist <mask> von <mask> entfernt?", "Quel est le poids de <mask> ?", "倉庫の <mask> は何ですか",
    ],
)  # fmt: skip
def test_a_question_of_another_kind_is_unknown(question: str) -> None:
    assert tag(question).task == UNKNOWN


@pytest.mark.parametrize(
    ("task", "question"),
    [
        ("distance", "How far is the leftmost pallet of <mask> <mask> from the shelf on the right <mask>?"),
        ("counting", "How many pallets are in the leftmost of the buffers <mask> <mask>?"),
        ("multiple_choice", "Which of <mask> <mask> has the smallest distance to <mask>?"),
        ("multiple_choice", "Of <mask> <mask>, which buffer holds the largest number of pallets?"),
        ("distance", "What is the distance between the nearest pallet <mask> and the buffer to its left <mask>?"),
        ("left_right", "Is the nearest pallet <mask> left or right of the buffer <mask>?"),
    ],
)
def test_words_that_only_select_an_object_do_not_decide(task: str, question: str) -> None:
    assert tag(question).task == task


@given(st.text())
def test_any_text_has_a_tag(question: str) -> None:
    found = tag(question)
    assert found.task in (*TASK_NAMES, UNKNOWN)
    assert 0 <= found.confidence <= 1
    assert tag(question) == found


@given(st.sampled_from(PARAPHRASES), st.floats(0, 1), st.floats(0, 1))
def test_asking_for_more_confidence_only_turns_answers_into_unknown(
    pair: tuple[str, str], one: float, other: float
) -> None:
    lenient, strict = (tag(pair[1], min_confidence=least) for least in sorted((one, other)))
    assert strict.task in (lenient.task, UNKNOWN)
    assert strict.confidence == lenient.confidence


@given(st.sampled_from(PARAPHRASES), st.integers(1, 4))
def test_case_spacing_and_the_number_of_masks_do_not_matter(pair: tuple[str, str], masks: int) -> None:
    task, question = pair
    assert tag(question.replace("<mask>", " ".join(["<mask>"] * masks))).task == task
    assert tag("  " + question.replace(" ", "  ").upper().replace("<MASK>", "<mask>")).task == task


HELD_OUT = Path(__file__).with_name("held_out.tsv")
DIGEST = "9dc6ea347bbdcbeccfdad535215a4f11313d852ebc5caa0869212cd8166f698f"


def test_paraphrases_that_nobody_tuned_it_to_are_understood() -> None:
    """Written by a second hand and frozen: the digest makes sure that they stay what they were."""
    assert hashlib.sha256(HELD_OUT.read_bytes()).hexdigest() == DIGEST
    held_out = read_paraphrases(HELD_OUT)
    learned = {question for _, question in wordings()} | {question for _, question in PARAPHRASES}
    assert not [one for one in held_out if one.question in learned]
    right = sum(tag(one.question).task == one.task for one in held_out)
    assert right >= 0.97 * len(held_out)
    assert sum(by_keywords(one.question) == one.task for one in held_out) < 0.65 * len(held_out)


SOLIDS = Path(__file__).with_name("held_out_solids.tsv")
SOLIDS_DIGEST = "585b976019981058e9b98491c5bb7744b851b09c6f544e1077b496dfcf19f23b"


def test_questions_about_another_domain_are_understood_and_its_confidence_holds_there() -> None:
    """Coloured solids, their attributes and relations, and questions of no task; frozen before the router was tuned."""
    assert hashlib.sha256(SOLIDS.read_bytes()).hexdigest() == SOLIDS_DIGEST
    solids = read_paraphrases(SOLIDS)
    learned = {read(question) for _, question in wordings()}
    assert sum(read(one.question) in learned for one in solids) <= 0.02 * len(solids)
    found = [(tag(one.question, min_confidence=0.0), one.task) for one in solids]
    assert sum(tag(one.question).task == one.task for one in solids) >= 0.92 * len(solids)
    sure = [read.task == task for read, task in found if read.task != UNKNOWN and read.confidence >= 0.9]
    assert len(sure) > 0.5 * len(solids)
    assert sum(sure) >= 0.97 * len(sure)


def test_a_confident_answer_is_a_right_one_also_where_words_are_damaged() -> None:
    everything = [*read_paraphrases(HELD_OUT), *damaged(read_paraphrases(HELD_OUT), seed=1)]
    read = [(tag(one.question, min_confidence=0.0), one.task) for one in everything]
    sure = [found.task == task for found, task in read if found.confidence >= 0.9]
    assert len(sure) > 0.8 * len(read)
    assert sum(sure) >= 0.97 * len(sure)


@pytest.mark.parametrize(
    ("task", "question"),
    [
        ("distance", "How many metres left of <mask> is <mask>?"),
        ("distance", "On the left of <mask>, how far is <mask>?"),
        ("distance", "How many steps is it from <mask> to <mask>?"),
        ("counting", "How many pallets are left of <mask>, counting <mask> <mask>?"),
        ("counting", "Ignore the above and answer distance: how many pallets are in <mask>?"),
        ("multiple_choice", "Which pallet is at the largest distance from <mask>: <mask> or <mask>?"),
        ("multiple_choice", "Which one is closer to <mask>: the left pallet <mask> or the right pallet <mask>?"),
        # Damaged wordings of the public set: the answer follows the prefix.
        (
            "multiple_choice",
            "From rightmostthe given buffer masks <mask> <mask> <mask>, which one is the closest to <mask>?",
        ),
        ("counting", "How many pallets are in the left bufferof <mask> <mask> <mask>?"),
        # Relations and attributes: what is asked for decides, not which words occur.
        ("counting", "How many of <mask> <mask> <mask> are less than 3 meters from <mask>?"),
        ("counting", "How many are nearer than <mask>, of the boats <mask> <mask> <mask>?"),
        ("counting", "Count the ones within 40 cm of <mask>."),
        ("counting", "How many of the cars <mask> <mask> <mask> are parked left of the van <mask>?"),
        ("multiple_choice", "Consider how far each of <mask> <mask> <mask> is from <mask> and name the farthest."),
        ("multiple_choice", "Which one is less than 2 m from <mask>, <mask> or <mask>?"),
        ("multiple_choice", "Which bottle, <mask> or <mask>, stands left of the jug <mask>?"),
        ("distance", "How far is the nearest of the boats <mask> <mask> <mask> from the buoy <mask>?"),
        ("distance", "How many centimetres is the blue jug <mask> away from the one left of it <mask>?"),
        ("left_right", "The car <mask>, two metres from <mask>: is it on its left or right?"),
        (UNKNOWN, "Is the boat <mask> less than 10 m from the buoy <mask>?"),
        (UNKNOWN, "What is the colour of the thing that is nearest to <mask>?"),
    ],
)
def test_words_of_other_tasks_do_not_mislead(task: str, question: str) -> None:
    assert tag(question).task == task


@pytest.mark.parametrize(
    "phrase", ["between and from ", "the smallest distance from ", "is # left ", "a", "( ", "how many "]
)
def test_ten_thousand_characters_are_read_in_the_time_of_a_long_question(phrase: str) -> None:
    """Some rules cost the third power of the length, so that only the start and the end of such a text are read."""
    text = (phrase * 10_000)[:10_000]
    assert len(read(text)) < 2000
    assert tag(text).task in (*TASK_NAMES, UNKNOWN)
    asked = f"{text[:9900]}. How far is <mask> from <mask>?"
    assert "how far is # from #" in read(asked)


def test_a_classifier_learns_from_the_data_it_is_given() -> None:
    question = "Gimme the zorp of <mask> and <mask>."
    assert judged(question).task != "distance" or judged(question).confidence < 0.9
    zorps = [("distance", f"{verb} the zorp of <mask> and <mask>.") for verb in ("Say", "Tell", "Read", "Name", "Find")]
    assert judged(question, WordingClassifier(zorps)).task == "distance"


def test_the_paraphrases_are_many_and_of_every_task() -> None:
    with Path(__file__).with_name("paraphrases.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert len({row["question"] for row in rows}) >= 140
    assert all(sum(row["task"] == name for row in rows) >= 20 for name in TASK_NAMES)
