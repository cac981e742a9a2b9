"""``params.yaml``: a file of settings, checked against their schemas; what is left out takes its default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from region_heads.errors import RegionHeadsError, nearest
from region_heads.files.yaml_file import read_yaml
from region_heads.settings import Section

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

AnySection = TypeVar("AnySection", bound=Section)

_USUAL = Path("params.yaml")
_ALIKE = 0.7  # of two names, as difflib has it: `tracking` and `trakcing` are more alike, and `data` and `dataset`
_APART = {"validate", "evaluate"}  # sections whose names are alike


def settings_of(name: str, schema: type[AnySection], path: Path | None = None) -> AnySection:
    """The section ``name`` of a file that may hold others, of which nothing is known here.

    Args:
        path: None: ``params.yaml`` of the working folder where there is one, else the defaults.

    Raises:
        RegionHeadsError: As :func:`read_params`; a section that is missing, while one is there whose name is nearly
            the same, counts as unknown.
    """
    if path is None and not _USUAL.exists():
        return schema()
    path = path or _USUAL
    if path.exists() and not path.is_file():
        raise RegionHeadsError(f"{path}: expected a file, found a folder or a pipe, which is read only once")
    given = _content(path)
    if name not in given:
        for other in difflib.get_close_matches(name, set(given) - _APART, n=1, cutoff=_ALIKE):
            raise RegionHeadsError(f"{path}: unknown section {other!r}{nearest(other, [name])}")
    return parse_section(name, schema, given.get(name, {}), source=str(path))


def read_params(path: Path, schemas: Mapping[str, type[Section]]) -> dict[str, Section]:
    """Every section of a file that holds no others; a section or key that is left out takes its default.

    Raises:
        RegionHeadsError: The file is missing or not YAML, a key is unknown (with the nearest known one),
            or a value has the wrong type or range.
    """
    given = _content(path)
    for name in given:
        if name not in schemas:
            raise RegionHeadsError(f"{path}: unknown section {name!r}{nearest(name, schemas)}")
    return {name: parse_section(name, one, given.get(name, {}), source=str(path)) for name, one in schemas.items()}


def _content(path: Path) -> dict[str, Any]:
    content = read_yaml(path, advice="run in the repository or give --params FILE")
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise RegionHeadsError(f"{path}: expected sections at the top level, found {type(content).__name__}")
    return {name: {} if values is None else values for name, values in content.items()}


def section(params: Mapping[str, Section], schema: type[AnySection]) -> AnySection:
    """The section with this schema out of what :func:`read_params` returned."""
    return next(found for found in params.values() if isinstance(found, schema))


def parse_section(name: str, schema: type[AnySection], values: Any, *, source: str) -> AnySection:
    """One section from plain values, as they come from a file or from a pipeline's parameter.

    Raises:
        RegionHeadsError: As :func:`read_params`; names ``source``.
    """
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
