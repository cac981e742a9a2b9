"""What a format is, and which there are: those of the files of this folder, and of packages that name theirs."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from region_heads.formats.candidate import Candidate
from region_heads.formats.problem import Problem

_GROUP = "region_heads.formats"


class Format(BaseModel, ABC):
    """A record of one format; its fields are the format's schema. Those of the camera are the same in all formats.

    Other fields are kept as they are (``model_extra``), for whoever wrote them.

    A new format is one file of this folder, whose ``FORMAT`` is a subclass of this, or an entry point of the group
    ``region_heads.formats`` that names such a class. Records of it are then read from JSON, Parquet and CSV alike.
    """

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)

    field_of_view: Any = Field(None, description="Degrees across the width of the picture.")
    intrinsics: Any = Field(None, description="In pixels: fx, fy, cx, cy, or the camera matrix.")

    @classmethod
    @abstractmethod
    def recognises(cls, fields: Collection[str]) -> bool:
        """Whether a record with these fields is of this format; at most one format may say so."""

    @abstractmethod
    def candidate(self) -> Candidate | Problem:
        """The record in the one checked form, or what is wrong with the fields together."""

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """The fields by their names in a record."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def required(cls) -> list[str]:
        """Names of the fields that every record has."""
        return [name for name, field in cls.fields().items() if field.is_required()]

    @classmethod
    def texts(cls) -> set[str]:
        """Names of the fields that hold text."""
        return {name for name, field in cls.fields().items() if str in (field.annotation, *_parts(field.annotation))}


def _parts(annotation: object) -> list[object]:
    """What ``str | None`` and ``Annotated[str, …] | None`` are made of."""
    return [part for one in get_args(annotation) for part in (one, *get_args(one)[:1])]


@cache
def formats() -> tuple[type[Format], ...]:
    """All formats; those of other packages first, so that they may be more special than ours."""
    ours = [import_module(f"{_GROUP}.{module.name}") for module in iter_modules([str(Path(__file__).parent)])]
    others = [entry.load() for entry in sorted(entry_points(group=_GROUP), key=lambda entry: entry.name)]
    return (*others, *(module.FORMAT for module in ours if hasattr(module, "FORMAT")))


def format_of(fields: Collection[str]) -> type[Format] | None:
    """The format that recognises a record with these fields, else the one with most of them; None with none of them."""
    for one in formats():
        if one.recognises(fields):
            return one
    nearest = max(reversed(formats()), key=lambda one: len(one.fields().keys() & set(fields)))
    return nearest if nearest.fields().keys() & set(fields) else None
