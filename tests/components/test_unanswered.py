"""Questions without answers, as the benchmark's test split has them: they teach and judge nothing, and are answered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components.evaluate.step import run as evaluate
from region_heads.data.dataset import RegionDataset
from region_heads.evaluation.settings import Params as EvaluateParams
from region_heads.modeling.settings import ModelSettings
from region_heads.quality.validation.settings import Params as ValidateParams
from region_heads.settings import DatasetParams, TrackingParams
from region_heads.training.build import build
from tests.components.conftest import HEIGHT, WIDTH, split_rows
from tests.components.first_steps import run_to_splits
from tests.conftest import Command

ANSWERS = ("category", "normalized_answer", "freeform_answer")


def record(row: dict[str, Any], *, answered: bool) -> dict[str, Any]:
    """A row of the miniature as the public set writes it."""
    turns = [("human", row["question"]), *([("gpt", row["freeform_answer"])] if answered else [])]
    content = {
        "id": row["id"], "image": Path(row["image"]).name,
        "conversations": [{"from": speaker, "value": text} for speaker, text in turns],
        "rle": [{"size": [row["height"], row["width"]], "counts": counts} for counts in row["rle"]],
    }  # fmt: skip
    given = {
        "category": row["category"], "normalized_answer": json.loads(row["answer"]),
        "freeform_answer": row["freeform_answer"],
    }  # fmt: skip
    return content | (given if answered else {})


def silent(row: dict[str, Any]) -> bool:
    """Questions of training that have no answer here."""
    return row["id"] in ("train-1-distance", "train-5-counting", "train-6-left_right")


@pytest.fixture
def benchmark(dataset: Path, tmp_path: Path) -> Path:
    """The miniature laid out as the benchmark: a test split without answers, and some questions of training too."""
    folder = tmp_path / "benchmark"
    shutil.copytree(dataset, folder)
    for split, images in (("train", 8), ("test", 6)):
        (folder / split / "depths").mkdir()
        for number in range(images):
            depth = np.full((HEIGHT, WIDTH), 5000, dtype=np.uint16)
            Image.fromarray(depth).save(folder / split / "depths" / f"{number:06d}_depth.png")
        rows = split_rows(split, images)
        content = [record(row, answered=split == "train" and not silent(row)) for row in rows]
        (folder / f"{split}.json").write_text(json.dumps(content))
    return folder


def test_an_unanswered_test_split_is_kept_apart_and_a_judged_one_is_taken_from_training(
    benchmark: Path, tmp_path: Path, tracking: TrackingParams
) -> None:
    run_to_splits(benchmark, tmp_path, ValidateParams(max_rejected_share=0.0), tracking)
    tables = {path.stem: pq.read_table(path) for path in (tmp_path / "splits").glob("*.parquet")}
    rows = [*split_rows("train", 8), *split_rows("test", 6)]
    expected = {row["id"]: row["task"] for row in rows if row["source_split"] == "test" or silent(row)}
    kept = tables["predict"]
    assert dict(zip(kept["id"].to_pylist(), kept["task"].to_pylist(), strict=True)) == expected, "read from the words"
    images = {name: set(tables[name]["image"].to_pylist()) for name in ("train", "val", "test", "held_back")}
    assert all(images[name] for name in ("train", "val", "test"))
    assert not [image for found in images.values() for image in found if image.startswith("test/")]
    assert all(tables[name]["answer"].null_count == 0 for name in images)

    reports = {name: json.loads((tmp_path / name).read_text()) for name in ("validation", "split")}
    assert reports["validation"]["unanswered"] == len(expected)
    assert reports["split"]["splits"]["predict"]["sources"] == {"train": 3, "test": 24}
    assert reports["split"]["images"]["carved_from_train"] == ["val", "test"]
    assert any("24 of test, 3 of train" in warning for warning in reports["split"]["warnings"])

    trained = tables["train"]
    questions = RegionDataset(trained, benchmark, build(ModelSettings(), trained)[1])
    assert len(questions) == trained.num_rows
    assert all(questions[number].target is not None for number in range(len(questions)))


def test_the_submission_scores_as_evaluate_does(
    command: Command, benchmark: Path, untrained_model: Path, splits: Path, tmp_path: Path, data: DatasetParams,
    tracking: TrackingParams,
) -> None:  # fmt: skip
    evaluate(
        model=untrained_model, splits=splits, dataset=benchmark, predictions=tmp_path / "predictions",
        evaluation=tmp_path / "evaluation", evaluate=EvaluateParams(resamples=200), data=data, tracking=tracking,
    )  # fmt: skip
    judged = json.loads((tmp_path / "evaluation").read_text())
    out, truth = tmp_path / "submission.json", tmp_path / "truth.json"
    done = command("submission", "--model", untrained_model, "--records", benchmark / "test.json", "--out", out)
    assert (done.code, done.out.endswith(f"{out}: 24 answers\n")) == (0, True), done.err
    content = json.loads(out.read_text())
    assert [one["id"] for one in content] == [row["id"] for row in split_rows("test", 6)]
    assert all(one.keys() == {"id", "normalized_answer"} for one in content)
    assert all(isinstance(one["normalized_answer"], str) for one in content)

    truth.write_text(json.dumps([record(row, answered=True) for row in split_rows("test", 6)]))
    scored = json.loads(command("score", out, truth, "--json").out)
    assert scored["score"] == pytest.approx(judged["score"])
    for name, task in judged["tasks"].items():
        assert (scored["tasks"][name]["accuracy"], scored["tasks"][name]["n"]) == (task["accuracy"], task["n"])


def test_a_question_that_cannot_be_answered_is_named_and_no_file_is_short(
    command: Command, benchmark: Path, untrained_model: Path, tmp_path: Path
) -> None:
    file, out = benchmark / "test.json", tmp_path / "submission.json"
    records = json.loads(file.read_text())
    records[1]["rle"][0]["counts"] = "no mask"
    records[2]["conversations"][0]["value"] = "What colour have <mask> and <mask> and <mask>?"
    file.write_text(json.dumps(records))
    words = ("submission", "--model", untrained_model, "--records", file, "--out", out)
    done = command(*words)
    assert done.code == 1
    assert "not answered: test.json, line 1, record 2: rle.0: " in done.err
    assert f"({records[2]['id']}): question: expected words of one of the tasks" in done.err
    assert "expected an answer to each of 24 questions, found none to 2" in done.err
    assert not out.exists()

    done = command(*words, "--fill", "0")
    assert (done.code, done.out) == (0, f"{out}: 24 answers, 2 of them filled in with '0'\n")
    given = {one["id"]: one["normalized_answer"] for one in json.loads(out.read_text())}
    assert given.keys() == {one["id"] for one in records}
    assert [given[records[number]["id"]] for number in (1, 2)] == ["0", "0"]

    (tmp_path / "params.yaml").write_text("tag_tasks: {min_confidence: 2}")
    done = command(*words, "--params", tmp_path / "params.yaml")
    assert "tag_tasks.min_confidence" in done.err, "the router's settings are read"

    file.write_text(json.dumps([records[2]]))
    done = command(*words)
    assert f"({records[2]['id']}): question: expected words" in done.err, "also where no question is understood"
    assert "found none to 1" in done.err
    assert "/tagged" not in done.err, "a file that is removed afterwards"

    file.write_text(json.dumps([*records, records[0], {"id": None}]))
    done = command(*words, "--fill", "0", "--out", tmp_path / "other.json")
    assert done.code == 1
    assert "found none to 2, which are named above; no file is written" in done.err
    assert not (tmp_path / "other.json").exists()
