"""What a training starts from: a backbone by name, with fresh heads, and the processor that goes with it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from inspect import get_annotations
from pathlib import Path
from statistics import median_low

import numpy as np
import pyarrow as pa
import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoTokenizer,
    ImageProcessingMixin,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from region_heads.data.mirroring import swap_sides
from region_heads.data.processor import PromptFormat, RegionProcessor, add_region_tokens, train_tokenizer
from region_heads.depth_use import depth_share
from region_heads.errors import RegionHeadsError, first_line
from region_heads.image_format import ImageFormat
from region_heads.lens import NOMINAL_FIELD_OF_VIEW
from region_heads.modeling.backbones import adapter_for, load_backbone_config
from region_heads.modeling.backbones.tiny import tiny_config
from region_heads.modeling.config import RegionHeadsConfig
from region_heads.modeling.loading import check_processor, listed, read_config
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.packing import can_pack, row_length
from region_heads.modeling.settings import ModelSettings
from region_heads.tasks import TASKS
from region_heads.training.labels import HeadSizes, check_labels

TINY = "tiny"
"""Name of the preset that is trained from scratch."""

_CONFIGURED = ModelSettings.model_fields.keys() & get_annotations(RegionHeadsConfig).keys() - {"region_heads_cfg"}
"""Settings that are fields of the model's configuration."""

_USUAL = 5.0
"""Usual distance between two regions, in units of length."""

_LAYER = re.compile(r"\b\d+\b")


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
    """
    if weights is not None:
        return _trained(settings, weights, train)
    check_labels(train)
    backbone, tokenizer = _backbone(settings, train)
    processor = RegionProcessor(
        tokenizer,
        image_format=replace(
            _image_format(settings, backbone), field_of_view=_typical_lens(train), length_unit=_length_unit(train)
        ),
        prompt=_prompt(settings, backbone, tokenizer),
    )
    sizes = {task.name: task.head_sizes(train[task.target_column].drop_null().to_pylist()) for task in TASKS}
    config = _config(settings, backbone, processor, train, sizes)
    if settings.backbone == TINY:
        return RegionHeadsModel(config), processor
    pretrained = _pretrained(settings.backbone)
    if len(tokenizer) > pretrained.get_input_embeddings().num_embeddings:
        pretrained.resize_token_embeddings(len(tokenizer))
    config.backbone_config = pretrained.config
    return RegionHeadsModel(config, pretrained), processor


def _pretrained(name: str) -> PreTrainedModel:
    """The backbone's trained weights, all of them.

    Raises:
        RegionHeadsError: They cannot be read, or some are missing or of another shape.
    """
    try:
        # In full precision: updates are often smaller than the digits of bf16.
        model, loaded = AutoModelForImageTextToText.from_pretrained(
            name, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except Exception as error:  # of the hub, of safetensors, of torch; all mean that there are no weights to start from
        raise RegionHeadsError(
            f"backbone {name!r}: its weights cannot be read ({type(error).__name__}: {first_line(error)}); fetch "
            "it again"
        ) from None
    # Other names may be left over from other uses of the weights; more layers than config.json has are another model.
    shapes = {_LAYER.sub("#", key) for key in model.state_dict()}
    deeper = [key for key in loaded["unexpected_keys"] if _LAYER.search(key) and _LAYER.sub("#", key) in shapes]
    mismatched = [entry[0] if isinstance(entry, tuple) else entry for entry in loaded["mismatched_keys"]]
    for kind, names in (
        ("missing", sorted(loaded["missing_keys"])),
        ("of another shape", sorted(mismatched)),
        ("more", sorted(deeper)),
        (
            "that are not finite",
            [key for key, weight in model.state_dict().items() if not bool(weight.isfinite().all())],
        ),
    ):
        if names:
            raise RegionHeadsError(
                f"backbone {name!r}: expected all weights that its config.json describes, found {len(names)} {kind}: "
                f"{listed(names)}; none is drawn at random in their place. Fetch it again"
            )
    return model


def _trained(settings: ModelSettings, folder: Path, train: pa.Table) -> tuple[RegionHeadsModel, RegionProcessor]:
    """The trained model in ``folder``, with the losses and dropout of ``settings``."""
    config = read_config(folder)
    for key in ("region_size", "head_size", "image_token_grid"):
        expected, found = getattr(config, key), getattr(settings, key)
        if expected != found:
            raise RegionHeadsError(
                f"{key}: expected {expected}, as the model that training starts from, found {found}; set it to that, "
                "or start from scratch"
            )
    processor = RegionProcessor.from_pretrained(folder)
    check_processor(folder, config, processor)
    processor.image_format = replace(processor.image_format, field_of_view=_typical_lens(train))
    heads = config.region_heads_cfg or {}
    sizes = {
        task.name: {name: heads[task.name].get(name, least) for name, least in task.head_sizes([]).items()}
        for task in TASKS
    }
    check_labels(train, sizes={name: found for name, found in sizes.items() if heads[name]["enabled"]})
    config = _config(settings, config.backbone_config, processor, train, sizes)
    return RegionHeadsModel.from_pretrained(folder, config=config, dtype=torch.float32), processor


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
        depth_share=depth_share(train),
        length_unit=processor.image_format.length_unit,
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
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.backbone)
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


def _prompt(settings: ModelSettings, backbone: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    adapter, image_format = adapter_for(backbone), _image_format(settings, backbone)
    grid = settings.image_token_grid
    image_format.check_grid(grid)
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


def _length_unit(train: pa.Table) -> float:
    """Metres that count as one: the power of two that brings the usual distance nearest to 5, as it is in a hall.

    The constants of heads and geometry are meant for lengths of that size.
    """
    metres = train["target_distance"].drop_null().to_numpy()
    usual = float(np.median(metres[metres > 0])) if (metres > 0).any() else _USUAL
    return 2.0 ** round(math.log2(usual / _USUAL))


def _as_trained(image_format: ImageFormat, backbone: str) -> ImageFormat:
    """With the normalisation that comes with the backbone, where its folder says."""
    file = Path(backbone) / "preprocessor_config.json"
    if Path(backbone).is_dir() and not file.is_file() and not (file.parent / "processor_config.json").is_file():
        return image_format
    try:
        known, _ = ImageProcessingMixin.get_image_processor_dict(backbone)
    except OSError as error:
        if Path(backbone).is_dir():  # it is there and cannot be read
            raise RegionHeadsError(f"{file}: cannot be read as JSON ({first_line(error)}); fetch it again") from None
        return image_format
    if not isinstance(known, dict):
        raise RegionHeadsError(f"{file}: expected a JSON object, found {type(known).__name__}; fetch it again")
    found = {name: known.get(f"image_{name}") or getattr(image_format, name) for name in ("mean", "std")}
    for name, values in found.items():
        least = 0 if name == "mean" else 1e-6  # pixels are divided by the other
        if (
            not isinstance(values, list | tuple)
            or len(values) != 3
            or not all(isinstance(v, int | float) and least <= v < float("inf") for v in values)
        ):
            raise RegionHeadsError(
                f"{file}: field image_{name}: expected three numbers from {least:g} on, for red, green and blue, found "
                f"{values!r}; correct it"
            )
    return replace(image_format, mean=tuple(found["mean"]), std=tuple(found["std"]))
