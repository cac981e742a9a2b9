"""Questions of a given size about random pictures, for benchmarks that need shapes and no meaning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, PretrainedConfig

from region_heads.close_ups import CLOSE_UP
from region_heads.data.dataset import Question
from region_heads.data.images import RegionFeatures
from region_heads.data.processor import PromptFormat, RegionProcessor, train_tokenizer
from region_heads.data.question_turn import QuestionTurn
from region_heads.geometry import GEOMETRY_SIZE
from region_heads.modeling.backbones import adapter_for
from region_heads.modeling.batch import Batch
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.packing import row_length
from region_heads.tasks import TASKS

REGIONS = 5
"""Regions of a question, about the mean of the public data set."""


def llava(*, tower: dict[str, int], text: dict[str, int]) -> LlavaConfig:
    """A LLaVA of these widths; the vocabulary is small, since no text is written."""
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**tower),
        text_config=LlamaConfig(vocab_size=2048, max_position_embeddings=4096, **text),
    )


def model_and_processor(config: PretrainedConfig) -> tuple[RegionHeadsModel, RegionProcessor]:
    """A model with random weights on the default device, and a processor that packs to the best length."""
    tokenizer = train_tokenizer(["a few words"])
    image_format = adapter_for(config).image_format(config)
    tokens = image_format.max_pixels // image_format.stride**2
    processor = RegionProcessor(
        tokenizer, image_format=image_format, prompt=PromptFormat(row_length=row_length(config, tokens))
    )
    return RegionHeadsModel(RegionHeadsConfig(backbone_config=config, image_token_grid=None)), processor


def unpacked(processor: RegionProcessor) -> RegionProcessor:
    """The same processor, each question in a row of its own."""
    prompt = replace(processor.prompt, row_length=None)
    return RegionProcessor(processor.tokenizer, image_format=processor.image_format, prompt=prompt)


def questions(processor: RegionProcessor, *, images: int, per_image: int, tokens: int, share: bool) -> list[Question]:
    """Questions of ``tokens`` text tokens with :data:`REGIONS` regions each, of all tasks in turn.

    Args:
        share: Whether questions about one image are known to be; else each brings its picture, as in frameworks that
            train one question a sequence.
    """
    random = np.random.default_rng(0)
    side = processor.image_format.unit
    grid = processor.image_format.grid(side, side)
    words = [7] * (tokens - 2 * REGIONS - 1) + [processor.mask_id] * REGIONS
    found: list[Question] = []
    for image in range(images):
        pixels = random.standard_normal((3, side, side)).astype(np.float16)
        close_up = random.integers(0, 256, (4, CLOSE_UP, CLOSE_UP), dtype=np.uint8)
        regions = tuple(
            RegionFeatures(cover, cover, random.standard_normal(GEOMETRY_SIZE).astype(np.float32), close_up)
            for cover in random.random((REGIONS, grid[0] * grid[1])).astype(np.float32)
        )
        for number in range(per_image):
            task = TASKS[number % len(TASKS)]
            order = np.array([1, 2, *[0] * (REGIONS - 2)])
            found.append(
                Question(
                    row=len(found), image=f"{image}" if share else f"{image}-{number}", pixels=pixels, grid=grid,
                    tokens=processor.assemble(QuestionTurn(words, range(len(words))), regions=REGIONS),
                    region_keys=tuple("abcde"), regions=regions, task=task, target=task.labels[0] if task.labels else 1,
                    answer_order=order, anchor_order=np.zeros_like(order), grounded=True,
                )
            )  # fmt: skip
    return found


def step(model: RegionHeadsModel, batch: Batch) -> None:
    """Forward and backward of one batch."""
    loss = model(batch=batch).loss
    assert isinstance(loss, torch.Tensor)
    loss.backward()
    model.zero_grad(set_to_none=True)
