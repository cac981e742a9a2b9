"""What a model keeps of its training questions: enough to read the task of those that are asked of it."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from region_heads.tagging.classifier import WordingClassifier
from region_heads.tagging.kept import wordings_of
from region_heads.tagging.reading import read
from region_heads.tagging.router import tag
from region_heads.tasks import TASK_NAMES


def kept_of(questions: list[tuple[str, str]]) -> list[tuple[str, str]]:
    train = {"task": [task for task, _ in questions], "question": [question for _, question in questions]}
    return wordings_of(pa.table(train))


TEXTS = st.text(min_size=1, max_size=40).filter(lambda text: text.strip())


@given(questions=st.lists(st.tuples(st.sampled_from(TASK_NAMES), TEXTS), min_size=1, max_size=20))
def test_whatever_is_asked_in_training_is_kept(questions: list[tuple[str, str]]) -> None:
    kept = kept_of(questions)
    assert {read(text) for _, text in kept} == {read(" ".join(text.split())) for _, text in questions}
    assert set(kept) <= {(task, " ".join(text.split())) for task, text in questions}


def test_a_question_in_the_words_of_the_training_data_is_read_as_there() -> None:
    """Words that the router does not come with."""
    odd = "Please evaluate the lacuna of <mask> {} and <mask>."
    kept = kept_of([("distance", odd.format(word)) for word in ("here", "there", "yonder")])
    question = odd.format("over there")
    assert tag(question).task != "distance"
    assert tag(question, classifier=WordingClassifier(kept)).task == "distance"


def test_a_wording_with_two_tasks_is_kept_with_the_one_that_it_has_most_often() -> None:
    asked = "Compare <mask>."
    assert kept_of([("distance", asked), ("left_right", asked), ("distance", asked)]) == [("distance", asked)]
