"""The collator: questions to one batch, each image once, indices grouped by task on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from region_heads.data.dataset import Question
from region_heads.data.processor import RegionProcessor
from region_heads.modeling.model import IGNORED
from region_heads.tasks import TASK_INDEX, TASKS

_DTYPES = {"float64": torch.float32, "int32": torch.long, "string": torch.long}


class RegionDataCollator:
    """Pads questions to a batch for :class:`~region_heads.modeling.model.RegionHeadsModel`.

    ``task_types [B]`` holds each question's task as its index in ``region_heads.tasks.TASKS``; ``task_index`` groups
    the questions by task, in order. Questions without a target are allowed only if all are: then there are no targets.
    """

    def __init__(self, processor: RegionProcessor) -> None:
        self._processor = processor

    def __call__(self, questions: Sequence[Question]) -> dict[str, Any]:
        B, N = len(questions), max(len(question.coverage) for question in questions)
        S = max(len(question.tokens.ids) for question in questions)
        batch: dict[str, Any] = {
            "input_ids": torch.full((B, S), self._processor.pad_id),
            "attention_mask": torch.zeros(B, S, dtype=torch.long),
            "mask_positions": torch.full((B, N), -1),
            "read_out_positions": torch.full((B, N), -1),
            "answer_positions": torch.tensor([question.tokens.answer_position for question in questions]),
            "image_positions": torch.tensor([question.tokens.image_positions for question in questions]),
            "coverage": torch.zeros(B, N, questions[0].coverage.shape[1]),
            "enclosure": torch.zeros(B, N, questions[0].coverage.shape[1]),
            "geometry": torch.zeros(B, N, questions[0].geometry.shape[1]),
            "labels": torch.full((B, S), IGNORED),
        }
        answer_order, anchor_order = torch.zeros(B, N, dtype=torch.long), torch.zeros(B, N, dtype=torch.long)
        for row, question in enumerate(questions):
            tokens, n = question.tokens, len(question.coverage)
            ids = torch.tensor(tokens.ids)
            batch["input_ids"][row, : len(ids)] = ids
            batch["attention_mask"][row, : len(ids)] = 1
            batch["labels"][row, tokens.freeform_start : len(ids)] = ids[tokens.freeform_start :]
            batch["mask_positions"][row, :n] = torch.tensor(tokens.mask_positions)
            batch["read_out_positions"][row, :n] = torch.tensor(tokens.read_out_positions)
            batch["coverage"][row, :n] = torch.from_numpy(question.coverage)
            batch["enclosure"][row, :n] = torch.from_numpy(question.enclosure)
            batch["geometry"][row, :n] = torch.from_numpy(question.geometry)
            answer_order[row, :n] = torch.from_numpy(question.answer_order)
            anchor_order[row, :n] = torch.from_numpy(question.anchor_order)
        batch |= self._images(questions)
        batch["task_types"] = torch.tensor([TASK_INDEX[question.task.name] for question in questions])
        batch["task_index"] = {
            task.name: (batch["task_types"] == TASK_INDEX[task.name]).nonzero().squeeze(-1) for task in TASKS
        }
        if all(question.target is not None for question in questions):
            batch["targets"] = {
                "target": {task.name: self._targets(questions, task.name) for task in TASKS},
                "answer_order": answer_order,
                "anchor_order": anchor_order,
                "grounded": torch.tensor([question.grounded for question in questions]),
            }
        return batch

    @staticmethod
    def _images(questions: Sequence[Question]) -> dict[str, Tensor]:
        places: dict[str, int] = {}
        index = [places.setdefault(question.image, len(places)) for question in questions]
        first = {question.image: question.pixels for question in reversed(questions)}
        pixels = np.stack([first[image] for image in places]).astype(np.float32)
        return {"pixel_values": torch.from_numpy(pixels), "image_index": torch.tensor(index)}

    @staticmethod
    def _targets(questions: Sequence[Question], task_name: str) -> Tensor:
        task = TASKS[TASK_INDEX[task_name]]
        targets = [question.target for question in questions if question.task is task]
        values = [task.labels.index(str(target)) if task.labels else target for target in targets]
        return torch.tensor(values, dtype=_DTYPES[task.target_dtype])
