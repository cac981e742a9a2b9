"""Parsed JSON to a candidate record, or to the list of what is wrong with it."""

from __future__ import annotations

import difflib
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from region_heads.errors import nearest
from region_heads.formats.candidate import Candidate
from region_heads.formats.format import Format, format_of, formats
from region_heads.formats.problem import Problem, shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def parse_record(content: Any) -> Candidate | list[Problem]:
    """Checks parsed JSON against the schema of its format."""
    if not isinstance(content, dict):
        found = shown(content)
        return [Problem("schema", "", "a JSON object", found, "write one object for each record")]
    schema = format_of(content)
    if schema is None:
        found = f"an object with {', '.join(map(repr, islice(content, 5))) or 'nothing in it'}"[:200]
        advice = "write a list of records, or one a line; what is no annotation file, leave out by data.annotations"
        return [Problem("schema", "", "a record (id, image, conversations, …)", found, advice)]
    try:
        record = schema.model_validate(content)
    except ValidationError as error:
        return _unique([_problem(details, schema) for details in error.errors(include_url=False)])
    candidate = record.candidate()
    if isinstance(candidate, Problem):
        return [candidate]
    extra = record.model_extra or {}
    strays = [problem for name in extra if (problem := _stray(name, content, schema))]
    lens = {"field_of_view": record.field_of_view, "intrinsics": record.intrinsics}
    return strays or replace(candidate, **lens, extra=extra or None)


_MISSPELT = 0.82
"""Likeness, as difflib has it, from which an unknown field is taken for one that is missing: `anwser`, `answer`."""


def _stray(name: str, content: dict[str, Any], schema: type[Format]) -> Problem | None:
    """What is wrong with a field that the format does not know: kept as it is, it would lose what was meant."""
    # `category_id` is no misspelt `category`.
    missing = [known for known in schema.fields() if known not in content and f"_{known}_" not in f"_{name}_"]
    if difflib.get_close_matches(name, missing, n=1, cutoff=_MISSPELT):
        found = f"an unknown field{nearest(name, missing)}"
        return Problem("unknown_field", name, "only fields of the format", found, "rename or remove it")
    if any(name in other.fields() for other in formats()):
        found = f"a field of another one{nearest(name, missing)}"
        return Problem("unknown_field", name, "fields of one format", found, "rename or remove it")
    return None


_KINDS = {
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "string_unicode": "text in valid Unicode",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
}


def _problem(details: ErrorDetails, schema: type[Format]) -> Problem:
    # Where a region may be a mask or a box, the location also names the alternative in brackets; the record does not.
    path = [str(part) for part in details["loc"] if not str(part).startswith("<")]
    field, kind = ".".join(path), details["type"]
    if kind == "extra_forbidden":
        return Problem("unknown_field", field, "only fields of the format", "an unknown field", "rename or remove it")
    if kind == "missing":
        others = details["input"].keys() - schema.fields() if len(path) == 1 else ()
        meant = difflib.get_close_matches(field, others, n=1)
        return Problem("schema", field, "this field", "nothing", f"rename {meant[0]!r} to it" if meant else "add it")
    if kind == "too_long" and field == "conversations":
        found = f"{len(details['input'])} turns"
        return Problem(
            "schema", field, "a human turn, then at most one gpt turn", found, "make a record of each question"
        )
    expected = _KINDS.get(kind) or details["msg"].removeprefix("Input should be ")
    return Problem("schema", field, expected, shown(details["input"]), "correct the value")


def _unique(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
