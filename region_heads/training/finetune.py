"""Fine-tuning: from split tables to a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers import (
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    set_seed,
)

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import Augmentation, RegionDataset
from region_heads.data.images import ImageFormat
from region_heads.data.processor import RegionProcessor, add_region_tokens, train_tokenizer
from region_heads.data.wording import swap_sides
from region_heads.modeling.backbones import adapter_for, load_backbone_config, tiny_config
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.model import RegionHeadsModel
from region_heads.training.arguments import RegionTrainingArguments
from region_heads.training.trainer import RegionHeadsTrainer

TINY = "tiny"
"""Name of the preset that is trained from scratch."""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What is trained: the backbone and the region path (see :class:`RegionHeadsConfig`)."""

    backbone: str = TINY
    region_heads_cfg: dict[str, dict[str, Any]] = field(default_factory=dict)
    region_size: int = 32
    head_size: int = 64
    image_token_grid: int | None = 4
    loss_weights: dict[str, float] = field(default_factory=dict)
    grounding_loss_weight: float = 0.5
    language_loss_weight: float = 0.0


def build(settings: ModelSettings, train: pa.Table) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The model and processor to start from.

    Args:
        settings: What to build.
        train: The training split; ``tiny`` learns its vocabulary from its words.

    Raises:
        RegionHeadsError: The backbone is unknown or not supported.
    """
    backbone, tokenizer = _backbone(settings, train)
    rows, columns = adapter_for(backbone).grid(backbone)
    grid = settings.image_token_grid
    processor = RegionProcessor(
        tokenizer,
        image_format=ImageFormat(
            side=backbone.vision_config.image_size,
            channels=getattr(backbone.vision_config, "num_channels", 3),
            rows=rows,
            columns=columns,
        ),
        image_tokens=rows * columns if grid is None else grid * grid,
    )
    config = RegionHeadsConfig(
        backbone_config=backbone,
        region_heads_cfg=settings.region_heads_cfg,
        region_size=settings.region_size,
        head_size=settings.head_size,
        image_token_grid=grid,
        loss_weights=settings.loss_weights,
        grounding_loss_weight=settings.grounding_loss_weight,
        language_loss_weight=settings.language_loss_weight,
        mask_token_id=processor.mask_id,
        read_out_token_id=processor.read_out_id,
        answer_token_id=processor.answer_id,
    )
    model = RegionHeadsModel(config)
    if settings.backbone != TINY:
        model.backbone = type(model.backbone).from_pretrained(settings.backbone)
        model.backbone.resize_token_embeddings(len(tokenizer))
        model.config.backbone_config = model.backbone.config
    return model, processor


def _backbone(settings: ModelSettings, train: pa.Table) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    if settings.backbone == TINY:
        questions = train["question"].to_pylist()
        freeform = [text for text in train["freeform_answer"].to_pylist() if text]
        # Both sides of the mirror, so that "left" and "right" are equally well known.
        texts = questions + [swap_sides(text) for text in questions] + freeform
        tokenizer = train_tokenizer(texts)
        return tiny_config(vocab_size=len(tokenizer)), tokenizer
    config = load_backbone_config(settings.backbone)
    tokenizer = AutoTokenizer.from_pretrained(settings.backbone)
    add_region_tokens(tokenizer)
    return config, tokenizer


def finetune(
    train: pa.Table,
    val: pa.Table,
    root: Path,
    *,
    settings: ModelSettings,
    arguments: RegionTrainingArguments,
    augmentation: Augmentation | None,
    depth_scale: float,
    callbacks: Sequence[TrainerCallback] = (),
    resume: Path | None = None,
) -> RegionHeadsTrainer:
    """Trains a model; the trainer that comes back holds it, its processor and the log.

    Args:
        train, val: Split tables.
        root: Folder that their ``image`` and ``depth`` columns are relative to.
        settings: What to train.
        arguments: How to train.
        augmentation: Changes of the training questions; None for none.
        depth_scale: Metres for one unit of a depth image.
        callbacks: More trainer callbacks.
        resume: A checkpoint folder to go on from.
    """
    set_seed(arguments.seed)
    model, processor = build(settings, train)
    if not arguments.tune_region_heads:
        model.region_encoder.requires_grad_(False)
        model.region_heads.requires_grad_(False)
    dataset = partial(
        RegionDataset,
        root=root,
        processor=processor,
        depth_scale=depth_scale,
        freeform=settings.language_loss_weight > 0,
    )
    trainer = RegionHeadsTrainer(
        model=model,
        args=arguments,
        data_collator=RegionDataCollator(processor),
        processing_class=processor.tokenizer,
        train_dataset=dataset(train, augmentation=augmentation, seed=arguments.seed),
        eval_dataset=dataset(val),
        callbacks=list(callbacks),
    )
    trainer.processor = processor
    trainer.remove_callback(PrinterCallback)  # prints raw dictionaries; a caller's own callback shows the log
    trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    return trainer
