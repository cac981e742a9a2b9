"""Files of answers against files of truths."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.scoring import infer_task, score_files
from region_heads.records import PREDICTION_SCHEMA
from region_heads.tasks.distance import DISTANCE

TRUTH = [("a", "left"), ("b", "2"), ("c", 3), ("d", 2.5), ("e", 0)]


def write(path: Path, answers: list[tuple[str, Any]], **more: Any) -> Path:
    path.write_text(json.dumps([{"id": i, "normalized_answer": answer} | more for i, answer in answers]))
    return path


def test_the_score_is_the_mean_of_the_tasks_not_of_the_questions(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.json", TRUTH)
    answers = write(tmp_path / "answers.json", [("e", 1), ("d", 2.4), ("c", "3.0"), ("b", "region 2"), ("a", "R")])
    result = score_files(answers, truth)
    accuracies = {name: task["accuracy"] for name, task in result["tasks"].items()}
    assert accuracies == {"distance": 0.5, "left_right": 0.0, "multiple_choice": 1.0, "counting": 1.0}
    assert result["score"] == pytest.approx(2.5 / 4)
    assert result["n"] == 5
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("answer", "task"),
    [
        ("left", "left_right"),
        ("RIGHT", "left_right"),
        ("0", "multiple_choice"),
        ("12", "multiple_choice"),
        (1, "counting"),
        (4, "counting"),
        (0, "distance"),
        (0.0, "distance"),
        (4.0, "distance"),
        (True, None),
        ("three", None),
        (-1, None),
        (None, None),
        ([], None),
    ],
)
def test_without_a_category_the_type_tells_the_task(answer: Any, task: str | None) -> None:
    found = infer_task(answer)
    assert (found.name if found else None) == task


def test_a_line_ends_at_its_end_and_at_no_other_sign(tmp_path: Path) -> None:
    """As `predict` writes them: text may hold separators of lines and paragraphs."""
    lines = [json.dumps({"id": f"{sign}a", "normalized_answer": 1}, ensure_ascii=False) for sign in "\u2028\x85 "]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert score_files(tmp_path / "a.jsonl", tmp_path / "a.jsonl")["n"] == 3


@pytest.mark.parametrize("truth", [float("nan"), float("inf"), None, True, [1]])
def test_a_truth_that_is_no_answer_is_refused_with_and_without_category(tmp_path: Path, truth: Any) -> None:
    answers = write(tmp_path / "answers.json", [("a", 1.5)])
    for more in ({}, {"category": "distance"}):
        with pytest.raises(RegionHeadsError, match=r"id 'a': field normalized_answer"):
            score_files(answers, write(tmp_path / "truth.json", [("a", truth)], **more))


def test_a_category_wins_over_the_type(tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.json", [("a", 2)], category="mcq")
    assert score_files(truth, truth)["tasks"]["multiple_choice"]["n"] == 1


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (TRUTH[1:], r"1 ids of .*truth\.json have no prediction: a"),
        ([*TRUTH, ("z", 1)], r"1 ids are not in .*truth\.json: z"),
        ([*TRUTH, TRUTH[0]], "1 duplicate ids: a"),
        ([], "holds no answers"),
    ],
)
def test_ids_must_match_exactly(tmp_path: Path, answers: list[tuple[str, Any]], message: str) -> None:
    truth = write(tmp_path / "truth.json", TRUTH)
    with pytest.raises(RegionHeadsError, match=message):
        score_files(write(tmp_path / "answers.json", answers), truth)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "answers.json, line 1: expected one complete JSON object"),
        ("", "answers.json: not readable: an empty file"),
        ('{"id": "a", "normalized_answer": 1}\n{"id": ', "answers.json, line 2: expected one complete JSON object"),
        ('[{"id": "a", "normalized_answer": 1, "normalized_answer": 2}]', "line 1: .*'normalized_answer' twice"),
        ("3", r'record 0: expected \{"id", "normalized_answer"\}, found 3'),
        ('[{"id": "a"}]', r'record 0: expected \{"id", "normalized_answer"\}'),
        ('[{"id": 1.0, "normalized_answer": 1}]', r'record 0: expected \{"id", "normalized_answer"\}'),
        ('[{"id": null, "normalized_answer": 1}]', r'record 0: expected \{"id", "normalized_answer"\}'),
    ],
)
def test_a_file_of_another_form_is_named(tmp_path: Path, text: str, message: str) -> None:
    truth = write(tmp_path / "truth.json", TRUTH)
    (tmp_path / "answers.json").write_text(text)
    with pytest.raises(RegionHeadsError, match=message):
        score_files(tmp_path / "answers.json", truth)
    with pytest.raises(RegionHeadsError, match="no such file"):
        score_files(tmp_path / "nothing.json", truth)


@pytest.mark.parametrize(
    ("answer", "more", "message"),
    [
        ("north", {}, "no task has answers like 'north'"),
        ("left", {"category": "count"}, r"normalized_answer \(count\): expected a whole count"),
        ("left", {"category": "side"}, "field category: unknown task 'side'"),
    ],
)
def test_a_truth_that_cannot_be_is_named(tmp_path: Path, answer: Any, more: dict[str, str], message: str) -> None:
    truth = write(tmp_path / "truth.json", [("a", answer)], **more)
    with pytest.raises(RegionHeadsError, match=message):
        score_files(truth, truth)


def test_json_lines_and_our_own_predictions_are_read_too(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text("\n".join(json.dumps({"id": i, "normalized_answer": answer}) for i, answer in TRUTH))
    rows = [
        {
            "id": i,
            "task": "counting",
            "prediction": json.dumps(answer),
            "confidence": 1.0,
            "answer_weights": [],
            "anchor_weights": [],
        }
        for i, answer in TRUTH
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=PREDICTION_SCHEMA), tmp_path / "predictions")
    result = score_files(tmp_path / "predictions", truth)
    assert result["score"] == 1.0
    assert result["tasks"]["counting"]["calibration"]["ece"] == 0.0, "ours say how sure they are"
    assert "calibration" not in score_files(truth, truth)["tasks"]["counting"]


@pytest.fixture
def public_answers(repository: Path) -> Path:
    folder = Path(os.environ.get("REGION_HEADS_REAL_DATA", repository.parent / "shared" / "data"))
    path = folder / "val_answers.json"
    if not path.exists():
        pytest.skip(
            f"the public set's validation answers are not at hand ({path}; REGION_HEADS_REAL_DATA names a folder)"
        )
    return path


def test_the_public_validation_answers_score_perfectly_against_themselves(public_answers: Path) -> None:
    result = score_files(public_answers, public_answers)
    assert result["score"] == 1.0
    counts = {name: task["n"] for name, task in result["tasks"].items()}
    assert counts == {"distance": 486, "left_right": 500, "multiple_choice": 456, "counting": 500}
    assert result["tasks"]["distance"]["mae"] == 0.0


def test_the_public_validation_answers_perturbed_score_what_can_be_counted_by_hand(
    public_answers: Path, tmp_path: Path
) -> None:
    records = json.loads(public_answers.read_text())

    def perturbed(answer: Any) -> Any:
        task = infer_task(answer)
        assert task is not None
        return {
            # A twelfth more is inside the band of 10 %: all right, those of exactly 0 too.
            "distance": lambda: answer * 13 / 12,
            # Another way to say the same: all right.
            "left_right": lambda: f" {answer.upper()} side. ",
            # The number as a person writes it: all right.
            "multiple_choice": lambda: f"Region {answer}.",
            # One more: all wrong.
            "counting": lambda: f"{answer + 1}.0",
        }[task.name]()

    answers = tmp_path / "answers.json"
    changed = [record | {"normalized_answer": perturbed(record["normalized_answer"])} for record in records]
    answers.write_text(json.dumps(changed))
    result = score_files(answers, public_answers)
    accuracies = {name: task["accuracy"] for name, task in result["tasks"].items()}
    assert accuracies == {"distance": 1.0, "left_right": 1.0, "multiple_choice": 1.0, "counting": 0.0}
    assert result["score"] == 0.75

    far = [
        record | {"normalized_answer": record["normalized_answer"] * 1.2}
        if infer_task(record["normalized_answer"]) is DISTANCE
        else record
        for record in records
    ]
    answers.write_text(json.dumps(far))
    result = score_files(answers, public_answers)
    assert result["tasks"]["distance"]["accuracy"] == 37 / 486, "only those of exactly 0"
    assert result["tasks"]["distance"]["median_relative_error"] == pytest.approx(0.2)
    assert result["score"] == pytest.approx((37 / 486 + 3) / 4)


@given(wrong=st.lists(st.booleans(), min_size=1, max_size=60))
def test_the_accuracy_is_the_share_that_is_right(wrong: list[bool], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("share")
    truth = write(folder / "truth.json", [(str(number), number % 4 + 1) for number in range(len(wrong))])
    answers = write(
        folder / "answers.json", [(str(number), number % 4 + 1 + spoilt) for number, spoilt in enumerate(wrong)]
    )
    result = score_files(answers, truth, resamples=200)
    assert result["tasks"]["counting"]["accuracy"] == pytest.approx(1 - sum(wrong) / len(wrong))
    assert result["tasks"]["counting"]["mae"] == pytest.approx(sum(wrong) / len(wrong))
