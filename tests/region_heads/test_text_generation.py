"""Text answers: a model without heads answers in words that can be scored."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pyarrow as pa
import pytest

from region_heads import RegionHeadsModel
from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset, plain
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import load, predict
from region_heads.tasks import TASKS, Task
from region_heads.text_generation import read_answer, text_answers
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.finetune import finetune, save


@pytest.mark.slow
def test_a_model_without_heads_writes_what_it_was_taught(table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    arguments = RegionTrainingArguments(
        output_dir=str(tmp_path / "run"), enable_region_heads=False, num_train_epochs=25, learning_rate=3e-3,
        save_strategy="no", images_per_batch=2, report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = finetune(
        table, table, image_folder,
        settings=ModelSettings(language_loss_weight=1.0, text_answer="typed"), arguments=arguments,
        augmentation=None, depth_scale=0.001,
    )  # fmt: skip
    save(trainer, tmp_path / "model")
    answers = predict(tmp_path / "model", table, image_folder).to_pydict()
    right = sum(answers["correct"])
    assert right > 0.8 * table.num_rows, list(zip(answers["truth"], answers["prediction"], strict=True))
    model = load(tmp_path / "model")
    assert model.network.config.text_tokens >= 2 * len(model.processor.tokenizer.encode("12.34"))
    model.network.config.text_tokens = 2
    cut = [json.loads(text) for text in predict(model, table, image_folder)["prediction"].to_pylist()]
    assert any(str(text).endswith("…") for text in cut)
    for task, whole, text in zip(table["task"].to_pylist(), answers["prediction"], cut, strict=True):
        long = len(model.processor.tokenizer.encode(plain(json.loads(whole)))) > 2
        assert str(text).endswith("…") == long, "a cut answer says so, and is none"
        assert not long or not Task.of(task).correct(text, json.loads(whole))


def test_texts_are_the_same_with_and_without_kept_rows(
    built: tuple[RegionHeadsModel, RegionProcessor], dataset: RegionDataset
) -> None:
    model, processor = copy.deepcopy(built[0]).eval(), built[1]
    model.config.text_tokens = 4
    questions = [dataset[row] for row in (0, 1, 2, 9)]
    collate = RegionDataCollator(processor)
    assert len(collate(questions).segments) < len(questions), "several questions in a row"
    kept, anew = (text_answers(model, processor, questions, collate=collate, cache=cache) for cache in (True, False))
    assert kept == anew


def test_no_state_is_computed_behind_the_last_token(
    built: tuple[RegionHeadsModel, RegionProcessor], dataset: RegionDataset
) -> None:
    model, processor = copy.deepcopy(built[0]).eval(), built[1]
    model.config.text_tokens = 2
    passes: list[object] = []
    model.register_forward_pre_hook(lambda *_: passes.append(None))
    (text,) = text_answers(model, processor, [dataset[0]], collate=RegionDataCollator(processor), cache=False)
    assert text.endswith("…"), "else it need not come to the last token"
    assert len(passes) == 3, "one for each token, and one for the end"


@pytest.mark.parametrize(
    ("task", "target", "text"),
    [("distance", 2.5, "2.50"), ("left_right", "left", "left"), ("multiple_choice", 3, "3"), ("counting", 0, "0")],
)
def test_an_answer_is_read_back_from_its_text(task: str, target: float | str, text: str) -> None:
    assert plain(target) == text
    assert read_answer(text, Task.of(task)) == target
    assert Task.of(task).said(target) == Task.of(task).sentence(target) != str(target)


@pytest.mark.parametrize("text", ["", "two", "-1", "[1]", "nan", '{"a": 1}'])
def test_what_cannot_be_read_is_kept_and_counts_as_wrong(text: str) -> None:
    for task in TASKS:
        answer = read_answer(text, task)
        assert answer == text
        assert task.said(answer) == text
        assert not task.correct(answer, "left" if task.labels else 2)
        json.dumps(answer)
