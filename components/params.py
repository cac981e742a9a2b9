"""``params.yaml``: the only configuration, checked against the sections that the steps declare."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from components.sections import DatasetParams, Section, TrackingParams
from region_heads.errors import RegionHeadsError

STEPS: tuple[str, ...] = (
    "sample_data",
    "validate",
    "tag_tasks",
    "split",
    "finetune",
    "evaluate",
    "visualize",
    "register",
    "promote",
)
"""The steps, in the order of the line."""


def sections() -> dict[str, type[Section]]:
    """Every section of ``params.yaml`` with its schema: the shared ones and one for each step."""
    steps = {step: import_module(f"components.{step}.params").Params for step in STEPS}
    return {"data": DatasetParams, "tracking": TrackingParams, **steps}


def load_params(path: Path) -> dict[str, Section]:
    """Reads ``params.yaml``; a section or key that is left out takes its default.

    Raises:
        RegionHeadsError: The file is missing or not YAML, a key is unknown (with the nearest known one),
            or a value has the wrong type or range.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such file; run in the repository or give --params FILE") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegionHeadsError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(content, dict):
        raise RegionHeadsError(f"{path}: expected sections at the top level, found {type(content).__name__}")
    known = sections()
    for name in content:
        if name not in known:
            raise RegionHeadsError(f"{path}: unknown section {name!r}{_nearest(str(name), known)}")
    return {name: parse_section(name, content.get(name) or {}, source=str(path)) for name in known}


def parse_section(name: str, values: Mapping[str, Any], *, source: str) -> Section:
    """One section from plain values, as they come from ``params.yaml`` or from a Kubeflow parameter.

    Raises:
        RegionHeadsError: As :func:`load_params`.
    """
    schema = sections()[name]
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                keys = _keys_at(schema, problem["loc"][:-1])
                lines.append(f"unknown key {name}.{key}{_nearest(str(problem['loc'][-1]), keys)}")
            else:
                lines.append(f"{name}.{key}: {problem['msg']}, found {problem['input']!r}")
        raise RegionHeadsError(f"{source}: " + "; ".join(lines)) from None


def _keys_at(schema: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    for part in loc:
        field = schema.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        schema = inner
    return list(schema.model_fields)


def _nearest(word: str, known: Any) -> str:
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
