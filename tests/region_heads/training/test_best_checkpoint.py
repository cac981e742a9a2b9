"""What a training keeps: the weights of the best step, exactly, over a resume; and whole checkpoints alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from region_heads.training.checkpoints import damage, newest_whole, seal
from region_heads.training.trainer import RegionHeadsTrainer
from tests.region_heads.training.test_trainer import train, weights

SCORES = [0.2, 0.5, 0.4, 0.45, 0.3, 0.1]
"""What the validation split is said to give after each step."""


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(trainer: RegionHeadsTrainer, **_: Any) -> dict[str, float]:
        metrics = {"eval_score": SCORES[trainer.state.global_step - 1]}
        trainer.log(metrics)
        return metrics

    monkeypatch.setattr(RegionHeadsTrainer, "evaluate", evaluate)


class Weights(TrainerCallback):
    """The weights after each step."""

    def __init__(self) -> None:
        self.after: dict[int, dict[str, torch.Tensor]] = {}

    def on_step_end(self, _args: Any, state: Any, _control: Any, *, model: torch.nn.Module, **_others: Any) -> None:
        self.after[state.global_step] = {name: value.clone() for name, value in model.state_dict().items()}


def keep(table: pa.Table, root: Path, folder: Path, **more: Any) -> RegionHeadsTrainer:
    options: dict[str, Any] = {
        "max_steps": 6, "eval_strategy": "steps", "eval_steps": 1, "save_steps": 3, "metric_for_best_model": "score",
        "keep_best": True, "images_per_batch": 1,
    }  # fmt: skip
    return train(table, root, folder, **options | more)


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(ours[name], weight) for name, weight in theirs.items())


@pytest.mark.slow
@pytest.mark.usefixtures("scores")
def test_the_best_steps_weights_are_kept_exactly_also_when_the_best_came_before_a_resume(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    seen = Weights()
    whole = keep(table, image_folder, tmp_path / "whole", callbacks=[seen])
    assert (whole.kept_step, whole.state.global_step) == (2, 6)
    assert same(weights(whole), seen.after[2])
    assert not same(weights(whole), seen.after[6])
    left = {path.name: damage(path) for path in (tmp_path / "whole").glob("checkpoint-*")}
    assert left == {"checkpoint-2": None, "checkpoint-6": None}, "the best and the newest"

    keep(table, image_folder, tmp_path / "cut", stop=3)
    resumed = keep(table, image_folder, tmp_path / "cut", resume=tmp_path / "cut" / "checkpoint-3")
    assert resumed.kept_step == 2
    assert same(weights(resumed), weights(whole))


@pytest.mark.usefixtures("scores")
def test_of_steps_that_are_equally_good_the_latest_is_kept(
    table: pa.Table, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.SCORES", [0.2, 0.5, 0.4, 0.5, 0.3, 0.1])
    trainer = keep(table, image_folder, tmp_path)
    assert (trainer.kept_step, trainer.state.global_step) == (4, 6)


@pytest.mark.slow
@pytest.mark.usefixtures("scores")
def test_a_best_step_whose_checkpoint_is_damaged_is_reported_and_another_kept(
    table: pa.Table, image_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(table, image_folder, tmp_path, stop=3)
    (tmp_path / "checkpoint-2" / "optimizer.pt").unlink()
    seen = Weights()
    resumed = keep(table, image_folder, tmp_path, resume=tmp_path / "checkpoint-3", callbacks=[seen])
    assert "checkpoint-2: " in capsys.readouterr().out
    assert resumed.kept_step == 4
    assert same(weights(resumed), seen.after[4])


@pytest.mark.slow
@pytest.mark.usefixtures("scores")
def test_patience_ends_the_training_also_across_a_resume(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    options = {"early_stopping_patience": 3}
    keep(table, image_folder, tmp_path, stop=3, **options)
    resumed = keep(table, image_folder, tmp_path, resume=tmp_path / "checkpoint-3", **options)
    assert (resumed.kept_step, resumed.state.global_step) == (2, 5)


@pytest.mark.usefixtures("scores")
def test_patience_runs_out_on_a_score_that_stays(
    table: pa.Table, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.SCORES", [0.5] * 6)
    trainer = keep(table, image_folder, tmp_path, early_stopping_patience=2)
    assert (trainer.kept_step, trainer.state.global_step) == (3, 3)


def test_without_questions_to_judge_the_last_weights_are_kept_and_there_is_no_score(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    seen = Weights()
    trainer = keep(table, image_folder, tmp_path, val=table.slice(0, 0), max_steps=2, callbacks=[seen])
    assert same(weights(trainer), seen.after[trainer.state.global_step])
    assert trainer.kept_step == trainer.state.global_step
    assert not [entry for entry in trainer.state.log_history if "eval_score" in entry]


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_checkpoint_with_any_file_damaged_is_passed_over_for_the_one_before(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    train(table, image_folder, tmp_path / "run", stop=2, save_steps=1)
    first, second = (tmp_path / "run" / f"checkpoint-{step}" for step in (1, 2))
    assert newest_whole(tmp_path / "run") == (second, {})
    shutil.copytree(second, tmp_path / "kept")
    files = [path for path in second.rglob("*") if path.is_file()]
    assert {"model.safetensors", "optimizer.pt", "trainer_state.json", "seal.json"} <= {path.name for path in files}
    for file in files:
        for harm in (Path.unlink, _flip, lambda path: path.write_bytes(path.read_bytes()[:-1])):
            harm(file)
            newest, passed = newest_whole(tmp_path / "run")
            assert newest == first, file
            assert file.name in passed[second] or file.name == "seal.json"
            shutil.rmtree(second)
            shutil.copytree(tmp_path / "kept", second)
    assert load_file(newest_whole(tmp_path / "run")[0] / "model.safetensors")  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "[" * 9999, '{"weights": [Infinity, "x"]}', '{"weights": 1}', "\x00"]
)
def test_a_checkpoint_whose_seal_says_nothing_is_passed_over(text: str, tmp_path: Path) -> None:
    for step in (1, 2):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "weights").write_text("1")
        seal(tmp_path / f"checkpoint-{step}")
    (tmp_path / "checkpoint-2" / "seal.json").write_text(text)
    newest, passed = newest_whole(tmp_path)
    assert newest == tmp_path / "checkpoint-1"
    assert "seal.json" in passed[tmp_path / "checkpoint-2"]
