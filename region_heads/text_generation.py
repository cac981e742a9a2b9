"""Text answers: what a model that was taught to answer in words writes after the answer token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from region_heads.tasks import Answer, Task

if TYPE_CHECKING:
    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import Question
    from region_heads.data.processor import RegionProcessor
    from region_heads.modeling.model import RegionHeadsModel


def text_answers(
    network: RegionHeadsModel,
    processor: RegionProcessor,
    questions: Sequence[Question],
    *,
    collate: RegionDataCollator,
) -> list[str]:
    """The most likely text answer of each question, token by token.

    One that is longer than the model's ``text_tokens`` ends there in "…", by which no rule takes it for an answer.
    Plain and for small models: every token reads the whole batch again.
    """
    import torch

    written: list[list[int]] = [[] for _ in questions]
    ended = [False] * len(questions)
    for _ in range(network.config.text_tokens + 1):  # and the end's
        batch = collate([_going_on(question, ids) for question, ids in zip(questions, written, strict=True)])
        with torch.inference_mode():
            hidden = network(batch=batch.unanswered.to(network.device)).hidden_states
            places = batch.answer_positions + torch.tensor([len(ids) for ids in written])
            states = hidden[batch.row_index.to(hidden.device), places.to(hidden.device)]
            chosen = network.token_logits(states).argmax(-1).tolist()
        for number, token in enumerate(chosen):
            ended[number] = ended[number] or token == processor.tokenizer.eos_token_id
            if not ended[number]:
                written[number].append(token)
        if all(ended):
            break
    texts = [processor.tokenizer.decode(ids[: network.config.text_tokens]).strip() for ids in written]
    return [text if end else f"{text}…" for text, end in zip(texts, ended, strict=True)]


def read_answer(text: str, task: Task) -> Answer | str:
    """The typed answer in a text; the text itself where there is none, which no rule takes for right."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    try:
        return task.parse(value)
    except ValueError:
        return text


def _going_on(question: Question, ids: list[int]) -> Question:
    tokens = question.tokens
    return replace(question, tokens=replace(tokens, ids=tokens.ids[: tokens.text_start] + ids))
