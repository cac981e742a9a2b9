"""A user's own file of examples teaches the router; a bad one is refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.tagging.classifier import UNKNOWN, WordingClassifier
from region_heads.tagging.examples import read_examples
from region_heads.tagging.router import tag

GOOD = "task\tquestion\ncount\tTot up the blips of <mask>.\n\nDistance\tMind the zorp of <mask> and <mask>.\n"


def test_each_line_is_a_task_and_a_question(tmp_path: Path) -> None:
    file = tmp_path / "questions.tsv"
    for text in (GOOD, GOOD.removeprefix("task\tquestion\n"), "\ufeff" + GOOD, GOOD.replace("\n", "\r\n")):
        file.write_text(text, encoding="utf-8", newline="")
        assert read_examples(file) == [
            ("counting", "Tot up the blips of <mask>."),
            ("distance", "Mind the zorp of <mask> and <mask>."),
        ]


def test_one_example_is_enough_to_be_read_and_what_no_task_answers_can_be_said_too(tmp_path: Path) -> None:
    file = tmp_path / "questions.tsv"
    file.write_text("distance\tMind the zorp of <mask> and <mask>.\nunknown\tHow many volts are in <mask>?\n")
    assert tag("Mind the zorp of <mask> and <mask>.").task != "distance"
    assert tag("How many volts are in <mask>?").task != UNKNOWN
    classifier = WordingClassifier(read_examples(file))
    assert tag("Mind the zorp of <mask> and <mask>.", classifier=classifier).task == "distance"
    assert tag("How many volts are in <mask>?", classifier=classifier).task == UNKNOWN
    assert tag("How far is <mask> from <mask>?", classifier=classifier).task == "distance"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"distance\tHow far?\ndistance How far?\n", "line 2: expected a task, a tab and a question"),
        (b"distance\tHow far?\tmetres\n", "line 1: expected a task, a tab and a question"),
        (b"task\tquestion\ndistance\t \n", "line 2: expected a task, a tab and a question"),
        (b"distanc\tHow far?\n", "line 1: expected one of distance, left_right, .*, found 'distanc'.*distance"),
        (
            b"distance\tHow far is <mask>?\n\ncount\thow  FAR is <mask> <mask>?\n",
            "line 3: expected distance, as in line 1, which asks the same, found counting",
        ),
        (b"distance\tHow far?\ndistance\tHow \xff?\n", "line 2: expected text in UTF-8"),
        (b"task\tquestion\n", "expected from 1 to 10,000 examples, found 0"),
        (b"distance\tHow far?\n" * 10_001, "expected from 1 to 10,000 examples, found 10,001"),
    ],
)
def test_a_bad_file_is_refused_by_file_and_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "questions.tsv"
    file.write_bytes(content)
    with pytest.raises(RegionHeadsError, match=rf"questions\.tsv(?:, |: ){said}"):
        read_examples(file)


def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    for file in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(RegionHeadsError, match=r"not readable: .*; give the file of examples"):
            read_examples(file)
