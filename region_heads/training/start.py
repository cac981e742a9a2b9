"""What a training starts from: a backbone by name, with fresh heads, and the processor that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoTokenizer,
    ImageProcessingMixin,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)

from region_heads.data.dataset import TextAnswer
from region_heads.data.processor import PromptFormat, RegionProcessor, add_region_tokens, train_tokenizer
from region_heads.data.wording import swap_sides
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones import adapter_for, load_backbone_config
from region_heads.modeling.backbones.tiny import tiny_config
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.packing import can_pack, row_length

TINY = "tiny"
"""Name of the preset that is trained from scratch."""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What is trained: the backbone and the region path (see :class:`RegionHeadsConfig`).

    Attributes:
        packing: Whether questions about one image share a row, where the backbone allows it.
        image_pixels: Largest area of a picture, for backbones that keep its shape; None takes the family's.
        text_answer: The text that the language-model loss teaches, where it has a weight.
        weights: Folder of a trained model to go on from; it must have been built from the same settings.
    """

    backbone: str = TINY
    weights: Path | None = None
    region_heads_cfg: dict[str, dict[str, Any]] = field(default_factory=dict)
    region_size: int = 32
    head_size: int = 64
    image_token_grid: int | None = 4
    packing: bool = True
    image_pixels: int | None = None
    loss_weights: dict[str, float] = field(default_factory=dict)
    loss_weighting: str = "fixed"
    grounding_loss_weight: float = 0.5
    language_loss_weight: float = 0.0
    text_answer: TextAnswer = "freeform"


def build(settings: ModelSettings, train: pa.Table) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The model and processor to start from.

    Args:
        settings: What to build.
        train: The training split; ``tiny`` learns its vocabulary from its words.

    Raises:
        RegionHeadsError: The backbone is unknown or not supported, or ``settings.weights`` are of another shape.
    """
    if settings.weights is not None:
        return _trained(settings, settings.weights)
    backbone, tokenizer = _backbone(settings, train)
    processor = RegionProcessor(
        tokenizer,
        image_format=_image_format(settings, backbone),
        prompt=_prompt(settings, backbone, tokenizer),
    )
    config = _config(settings, backbone, processor)
    if settings.backbone == TINY:
        return RegionHeadsModel(config), processor
    # Trained weights are kept in full precision: updates are often smaller than the digits of bf16.
    pretrained = AutoModelForImageTextToText.from_pretrained(settings.backbone, dtype=torch.float32)
    if len(tokenizer) > pretrained.get_input_embeddings().num_embeddings:
        pretrained.resize_token_embeddings(len(tokenizer))
    config.backbone_config = pretrained.config
    return RegionHeadsModel(config, pretrained), processor


def _trained(settings: ModelSettings, folder: Path) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The trained model in ``folder``, with the losses and dropout of ``settings``."""
    config = RegionHeadsConfig.from_pretrained(folder)
    for key in ("region_size", "head_size", "image_token_grid"):
        expected, found = getattr(config, key), getattr(settings, key)
        if expected != found:
            raise RegionHeadsError(
                f"{key}: expected {expected}, as the model that training starts from, found {found}; set it to that, "
                "or start from scratch"
            )
    processor = RegionProcessor.from_pretrained(folder)
    config = _config(settings, config.backbone_config, processor)
    return RegionHeadsModel.from_pretrained(folder, config=config, dtype=torch.float32), processor


def _config(settings: ModelSettings, backbone: PretrainedConfig, processor: RegionProcessor) -> RegionHeadsConfig:
    return RegionHeadsConfig(
        backbone_config=backbone,
        region_heads_cfg=settings.region_heads_cfg,
        region_size=settings.region_size,
        head_size=settings.head_size,
        image_token_grid=settings.image_token_grid,
        loss_weights=settings.loss_weights,
        loss_weighting=settings.loss_weighting,
        grounding_loss_weight=settings.grounding_loss_weight,
        language_loss_weight=settings.language_loss_weight,
        mask_token_id=processor.mask_id,
        read_out_token_id=processor.read_out_id,
        answer_token_id=processor.answer_id,
    )


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


def _prompt(settings: ModelSettings, backbone: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    adapter, image_format = adapter_for(backbone), _image_format(settings, backbone)
    grid, side = settings.image_token_grid, image_format.unit // image_format.stride
    if grid is not None and not image_format.is_fixed:
        raise RegionHeadsError(
            f"finetune.image_token_grid: {backbone.model_type} keeps the shape of a picture, expected null, found "
            f"{grid}"
        )
    if grid is not None and grid > side:
        raise RegionHeadsError(f"finetune.image_token_grid: expected at most {side}, found {grid}")
    tokens = image_format.max_pixels // image_format.stride**2 if grid is None else grid * grid
    ids = partial(tokenizer.encode, add_special_tokens=False)
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return PromptFormat(
        before=(*start, *ids(adapter.before_image)),
        after=tuple(ids(adapter.after_image)),
        image_token_grid=grid,
        row_length=row_length(backbone, tokens) if settings.packing and can_pack(backbone) else None,
    )


def _image_format(settings: ModelSettings, backbone: PretrainedConfig) -> ImageFormat:
    image_format = adapter_for(backbone).image_format(backbone)
    if settings.backbone != TINY:
        image_format = _as_trained(image_format, settings.backbone)
    if settings.image_pixels is None:
        return image_format
    if image_format.is_fixed and settings.image_pixels < 2 * image_format.unit**2:
        raise RegionHeadsError(
            f"finetune.image_pixels: {backbone.model_type} reads pictures of {image_format.unit} x {image_format.unit} "
            f"pixels only, expected null, found {settings.image_pixels}"
        )
    return replace(image_format, max_pixels=max(settings.image_pixels, image_format.unit**2))


def _as_trained(image_format: ImageFormat, backbone: str) -> ImageFormat:
    """With the normalisation that comes with the backbone, where its folder says."""
    try:
        known, _ = ImageProcessingMixin.get_image_processor_dict(backbone)
    except OSError:
        return image_format
    mean, std = (known.get(f"image_{name}") or getattr(image_format, name) for name in ("mean", "std"))
    return replace(image_format, mean=tuple(mean), std=tuple(std))
