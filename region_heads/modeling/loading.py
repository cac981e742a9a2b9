"""Saved models: configuration and weights are read whole, by name and in their saved dtype, or refused."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from region_heads.errors import RegionHeadsError
from region_heads.modeling.config import RegionHeadsConfig

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_AGAIN = "fetch the model again, or train it again"


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
        found = content.get("model_type")
        config: RegionHeadsConfig | None = None
        if found == RegionHeadsConfig.model_type:
            config = RegionHeadsConfig.from_dict(content)
    except Exception as error:  # every field of every family has checks, and exceptions, of its own
        raise RegionHeadsError(f"{path}: cannot be read as a model's configuration ({error}); {_AGAIN}") from None
    if config is None:
        raise RegionHeadsError(
            f"{path}: expected a model of type {RegionHeadsConfig.model_type!r}, as finetune writes it, found "
            f"{found!r}; a backbone alone has no heads to answer with"
        )
    return config


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


def listed(names: Iterable[str], most: int = 3) -> str:
    """Some names, and how many more there are."""
    first = list(names)
    more = f" and {len(first) - most} more" if len(first) > most else ""
    return ", ".join(first[:most]) + more
