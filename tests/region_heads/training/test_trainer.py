"""Training: resumed equals never stopped, accumulated equals one large batch, and the loss falls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from region_heads.data.settings import Augmentation
from region_heads.errors import RegionHeadsError
from region_heads.modeling.settings import ModelSettings
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.finetune import finetune
from region_heads.training.trainer import RegionHeadsTrainer
from tests.region_heads.training.training_run import WITHOUT_DROPOUT


class StopAt(TrainerCallback):
    """Ends the training after a step, as a kill would, but without ending the test."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, _args: Any, state: Any, control: Any, **_others: Any) -> Any:
        control.should_training_stop = state.global_step >= self.step
        return control


def train(
    table: pa.Table,
    root: Path,
    folder: Path,
    *,
    val: pa.Table | None = None,
    resume: Path | None = None,
    stop: int = 10**6,
    keep_best: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
    **more: Any,
) -> RegionHeadsTrainer:
    options: dict[str, Any] = {
        "num_train_epochs": 3, "learning_rate": 2e-3, "logging_steps": 1, "save_steps": 2, "save_total_limit": 2,
        "images_per_batch": 2, "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False, "seed": 5,
    }  # fmt: skip
    arguments = RegionTrainingArguments(output_dir=str(folder), **options | more)
    arguments.load_best_model_at_end = keep_best
    return finetune(
        table, table if val is None else val, root,
        settings=ModelSettings.model_validate(WITHOUT_DROPOUT), arguments=arguments, augmentation=Augmentation(),
        depth_scale=0.001, callbacks=[StopAt(stop), *callbacks], resume=resume,
    )  # fmt: skip


def weights(trainer: RegionHeadsTrainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.model.state_dict().items()}


# Within the first epoch, at its end, and within a later one.
@pytest.mark.parametrize(
    ("accumulated", "stop"),
    [pytest.param(1, 4, marks=pytest.mark.slow), (1, 6), pytest.param(2, 5, marks=pytest.mark.slow)],
)
def test_a_resumed_run_equals_one_that_was_never_stopped(
    table: pa.Table, image_folder: Path, tmp_path: Path, stop: int, accumulated: int
) -> None:
    options = {"save_steps": stop, "images_per_batch": 1, "gradient_accumulation_steps": accumulated}
    whole = weights(train(table, image_folder, tmp_path / "whole", max_steps=9, **options))
    train(table, image_folder, tmp_path / "cut", stop=stop, max_steps=9, **options)
    kept = tmp_path / "cut" / f"checkpoint-{stop}"
    resumed = weights(train(table, image_folder, tmp_path / "cut", resume=kept, max_steps=9, **options))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize(
    "images", [pytest.param(6, marks=pytest.mark.slow), 5, pytest.param(4, marks=pytest.mark.slow)]
)
def test_accumulated_micro_batches_equal_one_large_batch(
    table: pa.Table, image_folder: Path, tmp_path: Path, images: int
) -> None:
    """Also where pictures do not divide evenly: a batch that would be empty runs and teaches nothing."""
    table = table.filter(pc.is_in(table["image"], pa.array(sorted(set(table["image"].to_pylist()))[:images])))
    options = {
        "num_train_epochs": 1,
        "save_strategy": "no",
        "max_grad_norm": 1e9,
        "optim": "sgd",
        "learning_rate": 1e-4,
        "logging_steps": 1,
    }
    trained = [
        train(
            table, image_folder, tmp_path / str(most), images_per_batch=most,
            gradient_accumulation_steps=3 // most, **options,
        )
        for most in (3, 1)
    ]  # fmt: skip
    large, small = map(weights, trained)
    assert all(torch.allclose(large[name], small[name], atol=1e-6) for name in large)
    counts = [
        [{k: v for k, v in entry.items() if k.startswith("questions/")} for entry in trainer.state.log_history]
        for trainer in trained
    ]
    assert counts[0] == counts[1]


def test_every_task_is_logged_and_the_loss_falls(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    history = train(
        table, image_folder, tmp_path, num_train_epochs=12, save_strategy="no", eval_strategy="epoch"
    ).state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    logged = {name for entry in history for name in entry}
    for task in ("distance", "left_right", "multiple_choice", "counting"):
        assert {f"loss/{task}", f"loss/{task}_grounding", f"eval_accuracy/{task}"} <= logged
        assert {f"questions/{task}", f"grad_norm/{task}"} <= logged
    for entry in history:
        if "questions/distance" in entry:
            assert entry["questions/distance"] in (4, 6, 8), "two images, two or three of their questions each"
    assert any(0 <= entry["eval_score"] <= 1 for entry in history if "eval_score" in entry)


def test_frozen_heads_do_not_move(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    trainer = train(table, image_folder, tmp_path, tune_region_heads=False, max_steps=2, save_strategy="no")
    assert not any(weight.requires_grad for weight in trainer.model.region_heads.parameters())
    assert any(weight.requires_grad for weight in trainer.model.backbone.parameters())


def test_questions_without_a_label_are_neither_learned_from_nor_judged(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    """Also where a whole batch has none, as here those of every other image."""
    silent = {name: None for name in table.column_names if name.startswith("target_")}
    rows = [row | (silent if int(row["image"][0]) % 2 else {}) for row in table.to_pylist()]
    mixed = pa.Table.from_pylist(rows, schema=table.schema)
    labelled = pa.Table.from_pylist([row for row in rows if not int(row["image"][0]) % 2], schema=table.schema)
    trainer = train(
        mixed, image_folder, tmp_path, num_train_epochs=1, images_per_batch=1, save_strategy="no", learning_rate=0.0
    )  # fmt: skip
    first = {key: value for key, value in trainer.evaluate().items() if "accuracy" in key}
    trainer.eval_dataset = trainer.eval_dataset.__class__(labelled, image_folder, trainer.processor)
    assert {key: value for key, value in trainer.evaluate().items() if "accuracy" in key} == first
    taught = sum(
        value for entry in trainer.state.log_history for key, value in entry.items() if key.startswith("questions/")
    )
    assert taught == labelled.num_rows


def test_a_checkpoint_that_lacks_a_weight_is_refused_by_name(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    train(table, image_folder, tmp_path, stop=1, save_steps=1)
    file = tmp_path / "checkpoint-1" / "model.safetensors"
    kept = load_file(file)
    name = next(name for name in kept if name.startswith("region_heads.heads.counting."))
    save_file({key: weight for key, weight in kept.items() if key != name}, file, {"format": "pt"})
    with pytest.raises(RegionHeadsError, match=f"weights missing: {name}"):
        train(table, image_folder, tmp_path, resume=file.parent)
