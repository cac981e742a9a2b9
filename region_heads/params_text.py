"""A section of ``params.yaml`` as text: every key with its value, and what its schema says of it as a comment."""

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from region_heads.settings import Section

_WIDTH = 118


def section_text(name: str, schema: type[Section], given: Mapping[str, Any]) -> str:
    """The section with these values, and the defaults of keys that are left out."""
    about = re.sub(r"\s+", " ", inspect.getdoc(schema) or "").replace("``", "`")
    lines = list(_lines(schema, given, "  "))
    fitting = [len(line) for line, comment in lines if len(f"{line}  # {comment}") <= _WIDTH]
    column = max(fitting, default=0)
    shown = []
    for line, comment in lines:
        if max(column, len(line)) + len("  # ") + len(comment) <= _WIDTH:
            shown.append(f"{line:{column}}  # {comment}")
        else:
            indent = line[: len(line) - len(line.lstrip())]
            shown += [*_wrapped(comment, indent), line]
    return "\n".join([*_wrapped(about, ""), f"{name}:", *shown])


def _lines(schema: type[Section], given: Mapping[str, Any], indent: str) -> Iterator[tuple[str, str]]:
    """Each key as a line of YAML with its comment, those of inner sections below theirs."""
    for key, field in schema.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield f"{indent}{key}:", _comment(field)
            yield from _lines(inner, given.get(key) or {}, f"{indent}  ")
        else:
            default = field.get_default(call_default_factory=True)
            yield f"{indent}{key}: {_value(given.get(key, default))}", _comment(field)


def _comment(field: FieldInfo) -> str:
    """Its description, and the words that it may be where the description does not name them."""
    description = field.description or ""
    words = [str(word) for word in get_args(field.annotation)] if get_origin(field.annotation) is Literal else []
    named = all(re.search(rf"\b{re.escape(word)}\b", description) for word in words)
    return description if named else f"{description} One of {', '.join(words)}."


def _value(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _wrapped(comment: str, indent: str) -> list[str]:
    return textwrap.wrap(comment, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
