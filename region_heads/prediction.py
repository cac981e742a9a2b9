"""Answers of a saved model to a table of questions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from region_heads.data.mirroring import swap_sides
from region_heads.depth_use import fitted
from region_heads.errors import RegionHeadsError
from region_heads.records import PREDICTION_SCHEMA
from region_heads.tasks import Task

if TYPE_CHECKING:
    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import Question, RegionDataset
    from region_heads.data.processor import RegionProcessor
    from region_heads.modeling.model import RegionHeadsModel
    from region_heads.tagging.classifier import WordingClassifier

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to answer: a server loads once and answers often."""

    network: RegionHeadsModel
    processor: RegionProcessor

    @cached_property
    def router(self) -> WordingClassifier:
        """What reads the task of a question that comes without one; it has learned from the training questions, too."""
        from region_heads.tagging.classifier import WordingClassifier, bundled

        return WordingClassifier(self.processor.wordings) if self.processor.wordings else bundled()


def load(model: Path) -> LoadedModel:
    """Loads the model in the folder ``model`` onto the GPU, if there is one.

    Raises:
        RegionHeadsError: The folder holds no model.
    """
    import torch
    from transformers.utils import logging

    from region_heads.data.processor import RegionProcessor
    from region_heads.modeling.loading import check_processor
    from region_heads.modeling.model import RegionHeadsModel

    logging.disable_progress_bar()  # of the weights' loading; it would run through what the caller prints
    processor = RegionProcessor.from_pretrained(model)
    network = RegionHeadsModel.from_pretrained(model).eval()
    check_processor(model, network.config, processor)
    network.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    return LoadedModel(network, processor)


def predict(
    model: Path | LoadedModel,
    table: pa.Table,
    dataset: Path,
    *,
    depth_scale: float = 0.001,
    without_depth: bool = False,
    batch_size: int = 64,
    progress: Callable[[int], None] | None = None,
) -> pa.Table:
    """Answers every question of ``table`` with ``model``.

    Args:
        model: A folder that ``finetune`` wrote, or what :func:`load` made of it.
        table: Rows with the columns of ``TAGGED_SCHEMA``; targets may be null.
        dataset: Folder that the ``image`` and ``depth`` columns are relative to.
        depth_scale: Metres for one unit of a depth image.
        without_depth: Answer also where there is no depth, with which the model was trained.
        batch_size: Questions in a batch.
        progress: Called with the number of questions answered since the last call.

    Returns:
        One row for each question, in the order of ``table``, with ``PREDICTION_SCHEMA``.

    Raises:
        RegionHeadsError: The folder holds no model, the model has no head for a question's task, it was trained with
            depth that ``table`` lacks, or an image is missing.
    """
    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import RegionDataset

    loaded = load(model) if isinstance(model, Path) else model
    network, processor = loaded.network, loaded.processor
    table = answerable(network, table, without_depth=without_depth)
    questions = RegionDataset(table, dataset, processor, depth_scale=depth_scale, cached_scenes=0)
    collate = RegionDataCollator(processor)
    rows: list[dict[str, Any]] = [{}] * len(questions)
    order = by_picture(table)
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    mirrors = bool(network.config.answer_mirrored) and not network.answers_in_text
    for chosen, (items, mirrored) in zip(batches, _prepared(questions, batches, mirrors=mirrors), strict=True):
        given = _answer(network, processor, items, collate)
        for row, answer in zip(chosen, _surer(network, given, mirrored, collate), strict=True):
            rows[row] = answer
        if progress is not None:
            progress(len(chosen))
    columns = table.to_pydict()
    return pa.Table.from_pylist(
        [row | _truth(columns, number, row) for number, row in enumerate(rows)], schema=PREDICTION_SCHEMA
    )


def by_picture(table: pa.Table) -> list[int]:
    """The rows of ``table`` in the order in which they are answered: questions about a picture together."""
    images = table["image"].to_pylist()
    return sorted(range(len(images)), key=lambda row: (images[row], row))


def answerable(network: RegionHeadsModel, table: pa.Table, *, without_depth: bool) -> pa.Table:
    """``table`` as ``network`` can answer it, see :func:`predict`.

    Raises:
        RegionHeadsError: It has no head for a task, or was trained with depth that ``table`` lacks.
    """
    _check_heads(network, table)
    return fitted(table, network.config.depth_share, without_depth=without_depth)


def _check_heads(network: RegionHeadsModel, table: pa.Table) -> None:
    missing = set(table["task"].to_pylist()) - set(network.region_heads.heads)
    if missing and not network.answers_in_text:
        raise RegionHeadsError(
            f"the model has no enabled head for {', '.join(sorted(missing))}; it answers "
            f"{', '.join(network.region_heads.heads) or 'no task'} (region_heads_cfg in its config.json)"
        )
    for name, head in network.region_heads.heads.items():
        task = Task.of(name)
        truths = table[task.target_column].drop_null().to_pylist() if task.target_column in table.column_names else []
        for size in task.head_sizes([]):
            beyond = sum(task.head_sizes([truth])[size] > getattr(head, size) for truth in truths)
            if beyond:
                _log.warning(
                    f"{beyond} of {table.num_rows} questions have a {task.target_column} above {getattr(head, size)}, "
                    "the largest that the model can say; its answers to them are wrong. Train it on data that has such"
                )


_Prepared = tuple[list["Question"], list["Question | None"]]


def _prepared(questions: RegionDataset, batches: list[list[int]], *, mirrors: bool) -> Iterator[_Prepared]:
    """The questions of each batch, and with ``mirrors`` those about the mirrored pictures, where these can be asked.

    Pictures of the next batch are prepared while one is answered.
    """

    def prepare(rows: list[int]) -> _Prepared:
        both = [(questions[row], questions.mirrored(row) if mirrors else None) for row in rows]
        return [plain for plain, _ in both], [mirrored for _, mirrored in both]

    with ThreadPoolExecutor(1) as pool:
        coming: Future[_Prepared] | None = None
        for rows in batches:
            newest = pool.submit(prepare, rows)
            if coming is not None:
                yield coming.result()
            coming = newest
        if coming is not None:
            yield coming.result()


def _answer(
    network: RegionHeadsModel,
    processor: RegionProcessor,
    items: list[Question],
    collate: RegionDataCollator,
) -> list[dict[str, Any]]:
    from region_heads.text_generation import read_answer, text_answers

    if not network.answers_in_text:
        return _from_heads(network, items, collate)
    texts = text_answers(network, processor, items, collate=collate)
    return [
        {
            "task": item.task.name,
            "prediction": json.dumps(read_answer(text, item.task)),
            "confidence": 1.0,  # a text says nothing of how sure it is, nor which regions it rests on
            "answer_weights": [0.0] * len(item.regions),
            "anchor_weights": [0.0] * len(item.regions),
        }
        for item, text in zip(items, texts, strict=True)
    ]


def _surer(
    network: RegionHeadsModel,
    given: list[dict[str, Any]],
    mirrored: list[Question | None],
    collate: RegionDataCollator,
) -> list[dict[str, Any]]:
    """Of each answer and that to the mirrored question the one that the model is surer of."""
    asked = [number for number, question in enumerate(mirrored) if question is not None]
    if not asked:
        return given
    rows = list(given)
    questions = [question for question in mirrored if question is not None]
    for number, other in zip(asked, _from_heads(network, questions, collate), strict=True):
        if other["confidence"] > rows[number]["confidence"]:
            side = Task.of(other["task"]).labels
            rows[number] = other | ({"prediction": swap_sides(other["prediction"])} if side else {})
    return rows


def _from_heads(network: RegionHeadsModel, items: list[Question], collate: RegionDataCollator) -> list[dict[str, Any]]:
    import torch

    from region_heads.modeling.answers import answers

    batch = collate(items)
    with torch.inference_mode():
        outputs = network(batch=batch.unanswered.to(network.device)).outputs
    rows: list[dict[str, Any]] = [{}] * len(items)
    for name, given in answers(outputs).items():
        output = outputs[name]
        for place, (row, answer) in enumerate(zip(batch.task_index[name].tolist(), given, strict=True)):
            n = len(items[row].regions)
            rows[row] = {
                "task": name,
                "prediction": json.dumps(round(answer, 4) if isinstance(answer, float) else answer),
                "confidence": float(output.confidence[place]),
                "answer_weights": output.answer_weights[place, :n].tolist(),
                "anchor_weights": output.anchor_weights[place, :n].tolist(),
            }
    return rows


def _truth(columns: dict[str, list[Any]], number: int, row: dict[str, Any]) -> dict[str, Any]:
    task = Task.registry[row["task"]]
    target = columns[task.target_column][number] if task.target_column in columns else None
    return {
        "id": columns["id"][number],
        "truth": None if target is None else json.dumps(target),
        "correct": None if target is None else task.correct(json.loads(row["prediction"]), target),
    }
