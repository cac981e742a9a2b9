"""`region-heads train`: what it refuses before the work; tests/test_wheel.py has a training from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_heads.quality.validation import checking
from tests.conftest import Command


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve pictures without depth but for six, named and kept as the training split, with a question each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checking, "run_suite", lambda *_: [])  # which takes seconds, and is tested in its own place
    random, folder = np.random.default_rng(0), tmp_path / "mine"
    for kind in ("images", "depths"):
        (folder / kind).mkdir(parents=True)
    for split, numbers in (("train", range(6)), ("val", range(6, 9)), ("test", range(9, 12))):
        records = []
        for number in numbers:
            pixels = random.integers(0, 256, (48, 64, 3), np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
            if split == "train":
                Image.fromarray(np.full((48, 64), 2000, np.uint16)).save(folder / "depths" / f"{number}.png")
            records.append({
                "id": str(number), "image": f"{number}.png", "question": "Is the mug <mask> left of the jug <mask>?",
                "regions": [{"xyxy": [2, 2, 20, 20]}, {"xyxy": [30, 2, 60, 20]}], "category": "left_right",
                "answer": "left",
            })  # fmt: skip
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return folder


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ("finetune: {nodes: 2}", (), "finetune.nodes: `region-heads train` trains from scratch in one process"),
        ("finetune: {start: champion}", (), "finetune.start: `region-heads train` trains from scratch"),
        ("finetune: {epoch: 2}", (), "unknown key finetune.epoch; did you mean 'epochs'?"),
        ("finetune: {checkpoint_folder: else}", ("--epochs", "0"), "finetune.epochs: Input should be greater than 0"),
        ("finetune: {image_token_grid: 40}", (), "image_token_grid: expected at most"),
        (
            "finetune: {image_coordinates: true}",
            ("--backbone", "./elsewhere"),
            "backbone './elsewhere': expected a model",
        ),
        ("finetune: {lora: {quantize: nf4}}", (), "expected a part that is trained by adapters"),
        ("", (), "nowhere: no such file or folder"),
    ],
)
def test_a_wrong_setting_or_folder_costs_a_sentence_before_the_work(
    command: Command, tmp_path: Path, settings: str, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "params.yaml").write_text(settings)
    done = command("train", tmp_path / "nowhere", "--out", tmp_path / "model", "--reports", tmp_path / "reports",
                   "--params", tmp_path / "params.yaml", *words)  # fmt: skip
    assert done.code == 1
    assert said in done.err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("evaluate: {camera: 'cam(1)'}", "evaluate.camera: expected a regular expression that fits the pictures"),
        ("", 'add depth images, train without any (data.depths: ""), or set evaluate.without_depth to true'),
        ("finetune: {region_heads_cfg: {left_right: {enabled: false}}}",
         "expected answers to questions of a task that was trained (none)"),
        ("data: {depths: 'else/{stem}.png'}", "none of 12 pictures has a depth image that knows a depth, at else"),
        ("split: {source_splits: ignore, train: 0.8, val: 0.2, test: 0}", "give the test split a share (split.test)"),
        ("validate: {max_rejected_share: 0.05}", "max_rejected_share"),
        ("tag_tasks: {first: words, min_confidence: 1}", "none of 12 questions could be tagged"),
    ],
)  # fmt: skip
def test_what_could_not_be_judged_is_not_trained(command: Command, mine: Path, settings: str, said: str) -> None:
    if "max_rejected_share" in settings:
        with (mine / "train.jsonl").open("a") as file:
            file.write('{"id": "odd", "image": "0.png", "question": "Where is it?", "regions": []}\n')
    Path("params.yaml").write_text(settings)
    Path("reports/mine").mkdir(parents=True)
    Path("reports/mine/report.html").write_text("of an earlier run")
    done = command("train", mine)
    assert done.code == 1
    assert said in done.err
    assert "3/5" not in done.out
    assert not Path("models").exists()
    split = "2/5" in done.out
    assert Path("reports/mine/report.html").exists() != split, "nothing old stands beside new splits"
    assert Path("reports/mine/tags.html").exists() == split


def test_a_folder_whose_content_would_be_lost_is_refused(command: Command, mine: Path) -> None:
    for words, said in (
        (("--out", "model", "--reports", "model"), "outside of the model's"),
        (("--out", "model", "--reports", "model/reports"), "outside of the model's"),
        (("--reports", mine), "other than the data set's"),
        (("--out", mine), "exists already"),
    ):
        done = command("train", mine, *words)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert said in done.err


@pytest.mark.slow
def test_what_was_stopped_in_judging_goes_on_without_training_again(command: Command, mine: Path) -> None:
    with (mine / "train.jsonl").open("a") as file:
        file.write('{"id": "odd", "image": "0.png", "question": "Where is it?", "regions": []}\n')
    Path("params.yaml").write_text(
        "finetune: {epochs: 1, evaluations: 1, checkpoint_folder: kept}\n"
        "evaluate: {resamples: 200, without_depth: true, compare_champion: true}\n"
    )
    done = command("train", mine)
    assert done.code == 0, done.err
    assert "Left out: 1 records, with the reasons in reports/mine/quarantine.jsonl" in done.out
    assert "untagged.jsonl" not in done.out
    assert "evaluate.compare_champion is not used" in done.out
    assert not Path("kept").exists() and not Path("reports/mine/checkpoints").exists()
    assert "models/mine: exists already; remove it" in command("train", mine).err
    trained = Path("models/mine/training.json").stat().st_mtime_ns

    Path("reports/mine/report.html").unlink()  # as if it had been stopped before it was drawn
    refused = command("train", mine, "--epochs", "2")
    assert "models/mine: exists already, trained on other data or with other settings; remove it" in refused.err
    assert not Path("reports/mine/evaluation.json").exists()
    done = command("train", mine)
    assert done.code == 0, done.err
    assert "models/mine is there already, from this data and these settings" in done.out
    assert Path("models/mine/training.json").stat().st_mtime_ns == trained
    assert "mine, records" in Path("reports/mine/report.html").read_text()
