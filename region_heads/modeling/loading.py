"""Saved models: configuration and weights are read whole, by name and in their saved dtype, or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.initialization import no_init_weights

from region_heads.errors import RegionHeadsError, first_line
from region_heads.modeling.config import FORMAT_VERSION, RegionHeadsConfig

if TYPE_CHECKING:
    from region_heads.data.processor import RegionProcessor

_WEIGHINGS = "region_heads.uncertainty."  # where the learned weights of losses lie in a model's state

_Model = TypeVar("_Model", bound=PreTrainedModel)
# Weights that models of format 1 lack; zeros leave their answers as they were.
_LATER = re.compile(r"^region_heads\.heads\..*\.(?:described\.line|lies\.limit)\.(?:weight|bias)$")
_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_AGAIN = "fetch the model again, or train it again"


def read_model(
    build: Callable[[RegionHeadsConfig], _Model],
    folder: Path,
    *,
    config: RegionHeadsConfig | None,
    dtype: torch.dtype | None,
) -> _Model:
    """What ``RegionHeadsModel.from_pretrained`` returns; ``build`` is the model's class."""
    left = [_WEIGHINGS]  # of the losses, and none of the answers' business
    own = read_config(folder)
    if config is None:
        config = own
    else:
        heads = config.region_heads_cfg or {}
        left += [f"region_heads.heads.{task}." for task, given in heads.items() if not given["enabled"]]
    weights = read_weights(folder)
    with torch.random.fork_rng(devices=[]), no_init_weights():
        try:
            model = build(config)
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:  # sizes and settings that fit no model
            raise RegionHeadsError(f"{folder}/config.json: no model fits it ({first_line(error)}); {_AGAIN}") from None
    if own.format_version == 1:
        later = {name: torch.zeros_like(weight) for name, weight in model.state_dict().items() if _LATER.search(name)}
        weights = later | weights
    tied = model.all_tied_weights_keys
    expected = {name: weight for name, weight in model.state_dict().items() if name not in tied}
    check_weights(folder, weights, expected, optional=[_WEIGHINGS], left=(*left, *tied))
    for name, weight in weights.items():
        if weight.is_floating_point():
            kept = dtype or weight.dtype if name.startswith("backbone.") else torch.float32
            weights[name] = weight.to(kept if kept == torch.bfloat16 else torch.float32)
            if kept == torch.bfloat16:
                config.backbone_precision = "bfloat16"  # as its training had it, in models that do not say so
    model.load_state_dict({name: weight for name, weight in weights.items() if name in expected}, False, assign=True)
    model.tie_weights(recompute_mapping=False)
    model.eval()
    return model


def read_config(folder: Path) -> RegionHeadsConfig:
    """The configuration of the model in ``folder``.

    Raises:
        RegionHeadsError: There is none, it cannot be read, or it is that of another kind of model.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise RegionHeadsError(f"{folder}: expected a model folder with {path.name}, found none; {_AGAIN}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, version = dict(content).get("model_type"), content.get("format_version", 1)
        config: RegionHeadsConfig | None = None
        if found == RegionHeadsConfig.model_type and version <= FORMAT_VERSION:
            config = RegionHeadsConfig.from_dict(content)
    except OSError:
        raise
    except Exception as error:  # every field of every family has checks, and exceptions, of its own
        raise RegionHeadsError(f"{path}: cannot be read as a model's configuration ({error}); {_AGAIN}") from None
    if config is None and found == RegionHeadsConfig.model_type:
        raise RegionHeadsError(
            f"{path}: expected a model folder of format {FORMAT_VERSION} or older, found format {version}, of a newer "
            "region_heads; run `pip install --upgrade region-heads`"
        )
    if config is None:
        raise RegionHeadsError(
            f"{path}: expected a model of type {RegionHeadsConfig.model_type!r}, as finetune writes it, found "
            f"{found!r}; a backbone alone has no heads to answer with"
        )
    return config


def check_processor(folder: Path, config: RegionHeadsConfig, processor: RegionProcessor) -> None:
    """Holds the processor beside a model against the model's configuration.

    Raises:
        RegionHeadsError: They are those of two models: what stands for a region, the grid of the picture, or the unit
            of lengths differs.
    """
    for name, found in {
        "mask_token_id": processor.mask_id,
        "read_out_token_id": processor.read_out_id,
        "answer_token_id": processor.answer_id,
        "image_token_grid": processor.prompt.image_token_grid,
        "length_unit": processor.image_format.length_unit,
        "image_coordinates": processor.image_format.coordinates,
        "word_state_size": 0 if processor.text_encoder is None else processor.text_encoder.size,
    }.items():
        expected = getattr(config, name)
        if found != expected:
            raise RegionHeadsError(
                f"{folder}: {name}: expected {expected}, as in config.json, found {found} in the processor or "
                f"tokenizer beside it, which are of another model; {_AGAIN}"
            )


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All weights in ``folder``, from one file or from shards.

    Raises:
        RegionHeadsError: A file is missing, damaged or cut.
    """
    index = folder / _INDEX
    if (folder / _WEIGHTS).is_file() or not index.is_file():
        files = [folder / _WEIGHTS]
    else:
        try:
            files = [folder / name for name in sorted(set(json.loads(index.read_bytes())["weight_map"].values()))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegionHeadsError(f"{index}: cannot be read as an index of weights ({error}); {_AGAIN}") from None
    weights: dict[str, Tensor] = {}
    for path in files:
        if not path.is_file():
            raise RegionHeadsError(f"{path}: expected a file of weights, found none; {_AGAIN}")
        path.open("rb").close()  # safetensors says of a file that may not be read that it is not there
        try:
            # Copies: a mapped file that is written over would change, or end, a running server.
            weights |= {name: weight.clone() for name, weight in load_file(path).items()}
        except SafetensorError as error:
            raise RegionHeadsError(f"{path}: damaged or cut, cannot be read as weights ({error}); {_AGAIN}") from None
    return weights


def check_weights(
    where: Path | str,
    found: dict[str, Tensor],
    expected: dict[str, Tensor],
    *,
    optional: Collection[str] = (),
    left: tuple[str, ...] = (),
) -> None:
    """Holds the weights that were found against those of a model, by name and shape.

    Args:
        where: What the weights were read from, for the message.
        found: The weights.
        expected: The model's state.
        optional: Names that may be missing, and beginnings of such.
        left: Beginnings of names that may be there without belonging to the model.

    Raises:
        RegionHeadsError: Weights are missing, of another shape, or of another model.
    """
    missing = [name for name in expected if name not in found and not name.startswith(tuple(optional))]
    if missing:
        raise RegionHeadsError(
            f"{where}: expected weights that are not there: {listed(missing)}; none is drawn at random in their place. "
            f"{_AGAIN.capitalize()}"
        )
    others = [name for name in found if name not in expected and not name.startswith(left)]
    if others:
        raise RegionHeadsError(
            f"{where}: found weights of another model than its config.json describes: {listed(others)}; {_AGAIN}"
        )
    for name, weight in found.items():
        if name in expected and weight.shape != expected[name].shape:
            raise RegionHeadsError(
                f"{where}: weight {name}: expected the shape {list(expected[name].shape)} of config.json, found "
                f"{list(weight.shape)}; {_AGAIN}"
            )
        if name in expected and weight.is_floating_point() != expected[name].is_floating_point():
            raise RegionHeadsError(f"{where}: weight {name}: found numbers of the type {weight.dtype}; {_AGAIN}")
        if not bool(weight.isfinite().all()):
            raise RegionHeadsError(f"{where}: weight {name}: expected finite numbers, found NaN or infinity; {_AGAIN}")


def listed(names: Iterable[str], most: int = 3) -> str:
    """Some names, and how many more there are."""
    first = list(names)
    more = f" and {len(first) - most} more" if len(first) > most else ""
    return ", ".join(first[:most]) + more
