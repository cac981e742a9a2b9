"""``params.yaml``: the only configuration, checked against the sections that the steps declare."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from region_heads.errors import RegionHeadsError, nearest
from region_heads.files.yaml_file import read_yaml
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams, TrackingParams

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

AnySection = TypeVar("AnySection", bound=Section)

STEPS: tuple[str, ...] = (
    "sample_data",
    "validate",
    "tag_tasks",
    "split",
    "drift",
    "finetune",
    "evaluate",
    "visualize",
    "register",
    "promote",
)
"""The steps, in the order of the line."""

CLUSTER_STEPS: tuple[str, ...] = ("preflight", "compare_data", "fetch_data", "notify")
"""Steps that only Kubeflow's pipelines have: what surrounds the line on a machine that is not one's own."""

_SETTINGS = {
    "preflight": "components.preflight.params",
    "compare_data": "components.compare_data.params",
    "notify": "components.notify.params",
    "sample_data": "region_heads.warehouse.settings",
    "validate": "region_heads.quality.validation.settings",
    "tag_tasks": "region_heads.tagging.settings",
    "split": "region_heads.quality.splits.settings",
    "drift": "region_heads.quality.drift.settings",
    "finetune": "components.finetune.params",
    "evaluate": "region_heads.evaluation.settings",
    "visualize": "region_heads.report.settings",
    "register": "region_heads.registry.registration.settings",
    "promote": "region_heads.registry.promotion.settings",
}
"""Where the settings of each step are, beside the code that reads them."""


def sections() -> dict[str, type[Section]]:
    """Every section of ``params.yaml`` with its schema: the shared ones and one for each step."""
    steps = {step: import_module(module).Params for step, module in _SETTINGS.items()}
    shared = {"data": DatasetParams, "source": SourceParams, "tracking": TrackingParams, "cluster": ClusterParams}
    return {**shared, **steps}


def load_params(path: Path) -> dict[str, Section]:
    """Reads ``params.yaml``; a section or key that is left out takes its default.

    Raises:
        RegionHeadsError: The file is missing or not YAML, a key is unknown (with the nearest known one),
            or a value has the wrong type or range.
    """
    content = read_yaml(path, advice="run in the repository or give --params FILE")
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise RegionHeadsError(f"{path}: expected sections at the top level, found {type(content).__name__}")
    known = sections()
    for name in content:
        if name not in known:
            raise RegionHeadsError(f"{path}: unknown section {name!r}{nearest(str(name), known)}")
    given = {name: values for name, values in content.items() if values is not None}
    return {name: parse_section(name, given.get(name, {}), source=str(path)) for name in known}


def section(params: Mapping[str, Section], schema: type[AnySection]) -> AnySection:
    """The section with this schema out of what :func:`load_params` returned."""
    return next(found for found in params.values() if isinstance(found, schema))


def parse_section(name: str, values: Mapping[str, Any], *, source: str) -> Section:
    """One section from plain values, as they come from ``params.yaml`` or from a Kubeflow parameter.

    Raises:
        RegionHeadsError: As :func:`load_params`.
    """
    schema = sections()[name]
    if not isinstance(values, Mapping):
        raise RegionHeadsError(f"{source}: {name}: expected keys with values, found {values!r}")
    try:
        return schema.model_validate(dict(values))
    except ValidationError as error:
        problems = "; ".join(_described(name, schema, problem) for problem in error.errors())
        raise RegionHeadsError(f"{source}: {problems}") from None


def _described(name: str, schema: type[Section], problem: ErrorDetails) -> str:
    # A key of a mapping, such as a task's name, is marked by a last part of its own.
    loc = tuple(part for part in problem["loc"] if part != "[key]")
    key = ".".join(str(part) for part in (name, *loc))
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key}{nearest(str(loc[-1]), _keys_at(schema, loc[:-1]))}"
    message = problem["msg"].removeprefix("Value error, ")
    found = repr(problem["input"])
    return f"{key}: {message}, found {found if len(found) < 200 else found[:200] + ' …'}"


def _keys_at(schema: Any, loc: tuple[int | str, ...]) -> list[str]:
    """Keys that the schema knows at ``loc``, through sections in sections, in mappings and in lists."""
    for part in loc:
        if _is_model(schema):
            field = schema.model_fields.get(str(part))
            schema = field.annotation if field else None
        elif get_args(schema):
            schema = get_args(schema)[-1]
        inner = [option for option in get_args(schema) if option is not type(None)]
        if isinstance(schema, UnionType) and len(inner) == 1:
            schema = inner[0]
    return list(schema.model_fields) if _is_model(schema) else []


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and issubclass(schema, BaseModel)
