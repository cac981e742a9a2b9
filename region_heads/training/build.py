"""What a training starts from: a backbone by name, with fresh heads, and the processor that goes with it."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from inspect import get_annotations
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor
from transformers import (
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedTokenizerBase,
)
from transformers.integrations import is_deepspeed_zero3_enabled

from region_heads.data.mirroring import swap_sides
from region_heads.data.naming import shares
from region_heads.data.processor import NEW_TOKENS, RegionProcessor, add_region_tokens, train_tokenizer
from region_heads.data.text_encoder import TextEncoder
from region_heads.depth_use import depth_share
from region_heads.errors import RegionHeadsError, first_line
from region_heads.lens import NOMINAL_FIELD_OF_VIEW
from region_heads.modeling.backbones import load_backbone_config
from region_heads.modeling.backbones.tiny import TINY, tiny_config
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.loading import check_processor, read_config
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.tagging.kept import wordings_of
from region_heads.tasks import TASKS
from region_heads.training.labels import HeadSizes, check_labels
from region_heads.training.pretrained import pretrained
from region_heads.training.prompt import image_format, prompt_format

_TINY_GRID = 4  # image tokens a side that its language model reads; more did not help it, and each costs in every step

_CONFIGURED = ModelSettings.model_fields.keys() & get_annotations(RegionHeadsConfig).keys() - {"region_heads_cfg"}
"""Settings that are fields of the model's configuration."""

_USUAL = 5.0  # usual distance between two regions, in units of length
_TELLING = 20_000  # questions that tell how often a word is part of a name


def build(
    settings: ModelSettings, train: pa.Table, weights: Path | None = None
) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The model and processor to start from.

    Args:
        settings: What to build.
        train: The training split; ``tiny`` learns its vocabulary from its words.
        weights: Folder of a trained model to go on from; it must have been built from the same settings.

    Raises:
        RegionHeadsError: A label cannot be learned, the backbone is unknown or not supported, or
            ``weights`` are of another shape.

    Example:
        >>> from region_heads import ModelSettings, build, question_table
        >>> record = {"image": "0.png", "question": "Is <mask> left of <mask>?", "direction": "left",
        ...           "regions": [[0, 0, 9, 9], [20, 0, 29, 9]]}
        >>> model, processor = build(ModelSettings(), question_table([record], "data/sample"))
        >>> model.config.model_type
        'region_heads'
    """
    if settings.backbone == TINY and settings.image_token_grid is None:
        settings = settings.model_copy(update={"image_token_grid": _TINY_GRID})
    if weights is not None:
        return _trained(settings, weights, train)
    check_labels(train)
    backbone, tokenizer = _backbone(settings, train)
    processor = RegionProcessor(
        tokenizer,
        image_format=replace(
            image_format(settings, backbone),
            field_of_view=_typical_lens(train),
            length_unit=_length_unit(train),
            coordinates=settings.image_coordinates,
        ),
        prompt=prompt_format(settings, backbone, tokenizer),
        wordings=wordings_of(train),
        text_encoder=text_encoder(settings),
    )
    sizes = {task.name: task.head_sizes(train[task.target_column].drop_null().to_pylist()) for task in TASKS}
    config = _config(settings, backbone, processor, train, sizes)
    if settings.backbone == TINY:
        return _attending(RegionHeadsModel(config), settings), processor
    known = pretrained(settings.backbone)
    if len(tokenizer) > known.get_input_embeddings().num_embeddings:
        known.resize_token_embeddings(len(tokenizer))
    config.backbone_config = known.config
    model = RegionHeadsModel(config, known)
    table = known.get_input_embeddings().weight
    with _whole(table):
        words = table.detach()[: len(tokenizer) - len(NEW_TOKENS)]
        # Rows that no training has seen are those of no word: the new tokens begin as the mean of all words.
        table.detach()[[processor.mask_id, processor.read_out_id, processor.answer_id]] = words.mean(0)
        model.region_encoder.fit_to(words)
    return _attending(model, settings), processor


def _attending(model: RegionHeadsModel, settings: ModelSettings) -> RegionHeadsModel:
    """The model with the kernels that the settings name.

    Raises:
        RegionHeadsError: They are not installed, or are none of the backbone's.
    """
    if settings.attention != "sdpa":
        try:
            model.backbone.set_attn_implementation(settings.attention)
        except (ImportError, ValueError) as error:
            raise RegionHeadsError(
                f"finetune.attention: expected kernels that are installed and suit the backbone, found "
                f"{settings.attention!r} ({first_line(error)})"
            ) from None
    return model


def _whole(weight: Tensor) -> AbstractContextManager[Any]:
    """While a weight may be read and written as a whole, also where ZeRO-3 has shared it out."""
    if not is_deepspeed_zero3_enabled():
        return nullcontext()
    import deepspeed

    gathered: AbstractContextManager[Any] = deepspeed.zero.GatheredParameters([weight], modifier_rank=0)
    return gathered


def _trained(settings: ModelSettings, folder: Path, train: pa.Table) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The trained model in ``folder``, with the losses and dropout of ``settings``."""
    config = read_config(folder)
    for key in ("region_size", "head_size", "image_token_grid", "image_coordinates"):
        expected, found = getattr(config, key), getattr(settings, key)
        if expected != found:
            raise RegionHeadsError(
                f"{key}: expected {expected}, as the model that training starts from, found {found}; set it to that, "
                "or start from scratch"
            )
    processor = RegionProcessor.from_pretrained(folder)
    check_processor(folder, config, processor)
    if settings.text_encoder and (settings.text_encoder != "none" or processor.text_encoder):
        raise RegionHeadsError(
            f"text_encoder: expected null, which keeps that of the model that training starts from, found "
            f"{settings.text_encoder!r}; set it to null, or start from scratch"
        )
    processor.image_format = replace(processor.image_format, field_of_view=_typical_lens(train))
    processor.wordings = wordings_of(train)
    heads = config.region_heads_cfg or {}
    sizes = {
        task.name: {name: heads[task.name].get(name, least) for name, least in task.head_sizes([]).items()}
        for task in TASKS
    }
    check_labels(train, sizes={name: found for name, found in sizes.items() if heads[name]["enabled"]})
    new_tokens = config.new_tokens
    config = _config(settings, config.backbone_config, processor, train, sizes)
    config.new_tokens = new_tokens  # as it was trained
    model = RegionHeadsModel.from_pretrained(folder, config=config, dtype=torch.float32)
    return _attending(model, settings), processor


def text_encoder(settings: ModelSettings) -> TextEncoder | None:
    """The text encoder that the settings name."""
    if settings.text_encoder == "none" or (settings.text_encoder is None and settings.backbone != TINY):
        return None
    return TextEncoder.named(settings.text_encoder)


def _typical_lens(train: pa.Table) -> float:
    """Degrees across the width of the middle one of the pictures whose lens is known."""
    lenses = train["field_of_view"] if "field_of_view" in train.column_names else pa.nulls(train.num_rows)
    known = dict(zip(train["image"].to_pylist(), lenses.to_pylist(), strict=True)).values()
    return float(median_low([degrees for degrees in known if degrees is not None] or [NOMINAL_FIELD_OF_VIEW]))


def _config(
    settings: ModelSettings, backbone: PretrainedConfig, processor: RegionProcessor, train: pa.Table, sizes: HeadSizes
) -> RegionHeadsConfig:
    return RegionHeadsConfig(
        backbone_config=backbone,
        region_heads_cfg={name: sizes[name] | settings.head(name).model_dump() for name in sizes},
        **settings.model_dump(include=_CONFIGURED),
        **_names(processor, train),
        word_state_size=processor.text_encoder.size if processor.text_encoder else 0,
        depth_share=depth_share(train),
        length_unit=processor.image_format.length_unit,
        new_tokens=settings.backbone != TINY,
        mask_token_id=processor.mask_id,
        read_out_token_id=processor.read_out_id,
        answer_token_id=processor.answer_id,
    )


def _names(processor: RegionProcessor, train: pa.Table) -> dict[str, Any]:
    """What names of regions hold in the training questions, or in as many of them as tell it."""
    some = train.take(np.linspace(0, train.num_rows - 1, min(train.num_rows, _TELLING)).astype(int))
    texts = [text for name in ("question", "freeform_answer") for text in some[name].to_pylist() if text]
    found = shares(texts, partial(processor.tokenizer.encode, add_special_tokens=False))
    return {"name_tokens": tuple(found), "name_shares": tuple(found.values())}


def _backbone(settings: ModelSettings, train: pa.Table) -> tuple[PretrainedConfig, PreTrainedTokenizerBase]:
    if settings.backbone == TINY:
        questions = train["question"].to_pylist()
        freeform = [text for text in train["freeform_answer"].to_pylist() if text]
        # Both sides of the mirror, so that "left" and "right" are equally well known.
        texts = questions + [swap_sides(text) for text in questions] + freeform
        tokenizer = train_tokenizer(texts)
        return tiny_config(vocab_size=len(tokenizer)), tokenizer
    config = load_backbone_config(settings.backbone)
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.backbone, trust_remote_code=False)
        add_region_tokens(tokenizer)
    except Exception as error:  # tokenizers raise plain Exceptions
        raise RegionHeadsError(
            f"backbone {settings.backbone!r}: its tokenizer cannot be read ({type(error).__name__}: "
            f"{first_line(error)}); fetch tokenizer.json and tokenizer_config.json with it"
        ) from None
    if settings.language_loss_weight and tokenizer.eos_token_id is None:
        raise RegionHeadsError(
            f"backbone {settings.backbone!r}: expected a tokenizer with an end token (eos_token), with which a taught "
            "text ends, found none; name it in tokenizer_config.json, or set finetune.language_loss_weight to 0"
        )
    return config, tokenizer


def _length_unit(train: pa.Table) -> float:
    """Metres that count as one: the power of two that brings the usual distance nearest to 5, as it is in a hall.

    The constants of heads and geometry are meant for lengths of that size.
    """
    metres = train["target_distance"].drop_null().to_numpy()
    usual = float(np.median(metres[metres > 0])) if (metres > 0).any() else _USUAL
    return 2.0 ** round(math.log2(usual / _USUAL))
