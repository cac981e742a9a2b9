"""Text answers: what a model that was taught to answer in words writes after the answer token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from region_heads.tasks import Answer, Task

if TYPE_CHECKING:
    from torch import Tensor

    from region_heads.data.collator import RegionDataCollator
    from region_heads.data.dataset import Question
    from region_heads.data.processor import RegionProcessor
    from region_heads.modeling.batch import Batch
    from region_heads.modeling.model import RegionHeadsModel


def text_answers(
    network: RegionHeadsModel,
    processor: RegionProcessor,
    questions: Sequence[Question],
    *,
    collate: RegionDataCollator,
    cache: bool = True,
) -> list[str]:
    """The most likely text answer of each question, token by token.

    One that is longer than the model's ``text_tokens`` ends there in "…", by which no rule takes it for an answer.

    Args:
        network: The model.
        processor: Its processor.
        questions: A batch of questions, without the text that they would be taught.
        collate: Makes the batch.
        cache: Compute each token once, and keep what others need of it; else, and with kernels that know no block mask,
            every token reads the whole batch again.
    """
    import torch

    from region_heads.modeling.decoding import KeptRows

    written: list[list[int]] = [[] for _ in questions]
    ended = [False] * len(questions)
    anew = partial(_states, network, questions, collate)
    with torch.inference_mode():
        kept = KeptRows(network, _batch(network, questions, collate)) if cache and network.packs else None
        chosen: list[int] = []
        for _ in range(network.config.text_tokens + 1):  # and the end's
            if kept is None:
                states = anew(written)
            elif chosen:
                states = kept.states(chosen)
            else:
                states = kept.first
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


def _batch(network: RegionHeadsModel, questions: Sequence[Question], collate: RegionDataCollator) -> Batch:
    return collate(questions).unanswered.to(network.device)


def _states(
    network: RegionHeadsModel, questions: Sequence[Question], collate: RegionDataCollator, written: list[list[int]]
) -> Tensor:
    """States ``[B, D]`` of the last tokens, from the whole batch with what was written."""
    going_on = [
        replace(question, tokens=replace(question.tokens, ids=question.tokens.ids + ids))
        for question, ids in zip(questions, written, strict=True)
    ]
    batch = _batch(network, going_on, collate)
    places = batch.answer_positions + batch.row_index.new_tensor([len(ids) for ids in written])
    states: Tensor = network(batch=batch).hidden_states[batch.row_index, places]
    return states
