"""How a backbone is asked: the size of its pictures, and the tokens around picture and question."""

from dataclasses import replace
from functools import partial

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from region_heads.data.processor import PromptFormat
from region_heads.errors import RegionHeadsError
from region_heads.image_format import ImageFormat
from region_heads.modeling.backbones import adapter_for, load_backbone_config
from region_heads.modeling.backbones.chat import Turn, chat_turn
from region_heads.modeling.backbones.tiny import TINY, tiny_config
from region_heads.modeling.coordinates import check_coordinates
from region_heads.modeling.packing import can_pack, row_length
from region_heads.modeling.settings import ModelSettings
from region_heads.training.pretrained import as_trained


def prompt_format(
    settings: ModelSettings, backbone: PretrainedConfig, tokenizer: PreTrainedTokenizerBase
) -> PromptFormat:
    """What stands around picture and question, from the backbone's own chat template.

    Raises:
        RegionHeadsError: The template places no picture, or ``image_token_grid`` or ``image_coordinates`` does not suit
            the backbone.
    """
    adapter, pictures = adapter_for(backbone), _checked_format(settings, backbone)
    grid = settings.image_token_grid
    ids = partial(tokenizer.encode, add_special_tokens=False)
    turn = Turn() if settings.backbone == TINY else chat_turn(settings.backbone, tokenizer, adapter.picture)
    # Kernels of flash attention know no block mask.
    packs = settings.packing and can_pack(backbone) and "flash" not in settings.attention
    tokens = pictures.max_pixels // pictures.stride**2 if grid is None else grid * grid
    tiles = adapter.before_tile if pictures.is_tiled else ""
    before = ids(turn.before if tiles else turn.before + adapter.before_image)
    context = adapter.after_image or adapter.picture
    return PromptFormat(
        before=(*_start(tokenizer, before), *before),
        after=tuple(ids(adapter.after_image)),
        around=(turn.between, turn.after),
        context=context if len(ids(context)) == 1 else "",
        tile=tiles,
        overview=adapter.before_image if tiles else "",
        image_token_grid=grid,
        extra_tokens=adapter.extra_tokens,
        line_ends=adapter.line_ends,
        row_length=row_length(backbone, tokens) if packs else None,
    )


def check_backbone(settings: ModelSettings) -> None:
    """Holds settings against the configuration of the backbone that they name, before any data is prepared.

    Raises:
        RegionHeadsError: It cannot be read, its family is not supported, or a setting does not suit it.
    """
    _checked_format(
        settings, tiny_config(vocab_size=1) if settings.backbone == TINY else load_backbone_config(settings.backbone)
    )


def _checked_format(settings: ModelSettings, backbone: PretrainedConfig) -> ImageFormat:
    found = image_format(settings, backbone)
    found.check_grid(settings.image_token_grid)
    if settings.image_coordinates:
        check_coordinates(adapter_for(backbone), found)
    return found


def _start(tokenizer: PreTrainedTokenizerBase, before: list[int]) -> list[int]:
    """What the tokenizer puts in front of every text, where the chat template did not write it."""
    own, whole = (tokenizer.encode("a", add_special_tokens=added) for added in (False, True))
    start: list[int] = whole[: whole.index(own[0])]
    return [] if start == before[: len(start)] else start


def image_format(settings: ModelSettings, backbone: PretrainedConfig) -> ImageFormat:
    """The size and normalisation of the backbone's pictures.

    Raises:
        RegionHeadsError: Its own settings cannot be read, or ``image_pixels`` does not suit its family.
    """
    found = adapter_for(backbone).image_format(backbone)
    if settings.backbone == TINY:
        found = replace(found, resample=ImageFormat.resample)
    else:
        found = as_trained(found, settings.backbone)
    if settings.image_pixels is None:
        return found
    if found.is_fixed and settings.image_pixels < 2 * found.unit**2:
        raise RegionHeadsError(
            f"finetune.image_pixels: {backbone.model_type} reads pictures of {found.unit} x {found.unit} "
            f"pixels only, expected null, found {settings.image_pixels}"
        )
    most = max(settings.image_pixels, found.unit**2)
    # Sides are rounded up to the smallest size, which may then be four times as large.
    return replace(found, max_pixels=most, min_pixels=min(found.min_pixels, most // 4))
