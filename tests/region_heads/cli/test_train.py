"""`region-heads train`: what it refuses before the work; tests/test_wheel.py has a training from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command


@pytest.mark.parametrize(
    ("settings", "words", "said"),
    [
        ("finetune: {nodes: 2}", (), "finetune.nodes: `region-heads train` trains from scratch in one process"),
        ("finetune: {start: champion}", (), "finetune.start: `region-heads train` trains from scratch"),
        ("finetune: {epoch: 2}", (), "unknown key finetune.epoch; did you mean 'epochs'?"),
        ("finetune: {checkpoint_folder: else}", ("--epochs", "0"), "finetune.epochs: Input should be greater than 0"),
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


def test_a_model_that_is_there_is_not_overwritten(command: Command, tmp_path: Path) -> None:
    done = command("train", tmp_path, "--out", tmp_path)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "exists already" in done.err
