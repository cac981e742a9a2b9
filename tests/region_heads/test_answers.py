"""An answer is read alike in data, truths and predictions: numbers may be text, and are kept within bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.evaluation.scoring import score_files
from region_heads.tasks import TASKS, Task

TRUTHS = {"a": 2.75, "b": 0, "c": 3, "d": "2", "e": "left"}
CATEGORIES = {"a": "distance", "b": "distance", "c": "count", "d": "mcq", "e": "left_right"}


def _file(folder: Path, name: str, answers: dict[str, Any], encoding: str = "utf-8", **more: dict[str, str]) -> Path:
    path = folder / name
    rows = [{"id": i, "normalized_answer": a} | {k: v[i] for k, v in more.items()} for i, a in answers.items()]
    path.write_bytes(json.dumps(rows).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "given_", "typed"),
    [
        ("distance", "6.36", 6.36), ("distance", " 0 ", 0.0), ("distance", "1e1", 10.0), ("distance", -0.0, 0.0),
        ("counting", "3", 3), ("counting", "3.0", 3), ("counting", 4.0, 4), ("multiple_choice", "[Region 1]", 1),
        ("multiple_choice", "Region 2", 2), ("left_right", " LEFT ", "left"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_numbers_also_where_they_are_text(name: str, given_: Any, typed: Any) -> None:
    found = Task.of(name).parse(given_)
    assert (found, str(found)) == (typed, str(typed))


NUMBERS = st.sampled_from(
    [1e300, 1e308, 2**31, -1, 10**400, True, None, [], {}, "", "nan", "inf", "-3", "1_0", "٣", "9" * 5000]
)


@given(NUMBERS | st.integers() | st.floats() | st.text(max_size=8), st.sampled_from([task.name for task in TASKS]))
def test_an_answer_is_taken_within_bounds_or_refused_in_words(value: Any, name: str) -> None:
    try:
        answer = Task.of(name).parse(value)
    except ValueError as error:
        assert str(error).startswith("expected ")
        assert ", found " in str(error)
        assert len(str(error)) < 250
    else:
        assert answer in ("left", "right") or 0 <= float(answer) <= 1e6


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_truth_and_predictions_are_read_alike_as_text_and_with_a_mark(tmp_path: Path, encoding: str) -> None:
    as_text = {identity: str(answer) for identity, answer in TRUTHS.items()}
    plain = _file(tmp_path, "plain.json", TRUTHS, category=CATEGORIES)
    text = _file(tmp_path, "text.json", as_text, encoding, category=CATEGORIES)
    for truth in (plain, text):
        for predictions in (plain, text):
            content = score_files(predictions, truth, resamples=10)
            assert content["score"] == 1.0
            assert content["tasks"]["distance"]["mse"] == 0.0


@pytest.mark.parametrize("odd", ["9" * 5000, 10**4000, "nan", None, [], {"a": 1}, "Infinity", -1, 1e308])
def test_an_odd_prediction_is_wrong_and_nothing_more(tmp_path: Path, odd: Any) -> None:
    truth = _file(tmp_path, "truth.json", TRUTHS, category=CATEGORIES)
    content = score_files(_file(tmp_path, "odd.json", TRUTHS | {"a": odd, "c": odd, "d": odd}), truth, resamples=10)
    assert content["tasks"]["counting"]["accuracy"] == 0.0
    assert content["tasks"]["distance"]["accuracy"] == 0.5
