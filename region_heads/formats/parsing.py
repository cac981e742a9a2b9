"""Parsed JSON to a candidate record, or to the list of what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from region_heads.errors import nearest
from region_heads.formats.candidate import Candidate
from region_heads.formats.format import Format, format_of
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
    return replace(candidate, field_of_view=record.field_of_view, intrinsics=record.intrinsics)


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
    # Where a region may be a mask or a box, the location also names the alternative; the record does not.
    path = [str(part) for part in details["loc"] if part not in ("Rle", "list[float]") and "list[" not in str(part)]
    field, kind = ".".join(path), details["type"]
    if kind == "extra_forbidden":
        found = f"an unknown field{nearest(path[-1], schema.fields()) if len(path) == 1 else ''}"
        return Problem("unknown_field", field, "only fields of the format", found, "rename or remove it")
    if kind == "missing":
        return Problem("schema", field, "this field", "nothing", "add it")
    if kind == "too_long" and field == "conversations":
        found = f"{len(details['input'])} turns"
        return Problem(
            "schema", field, "a human turn, then at most one gpt turn", found, "make a record of each question"
        )
    expected = _KINDS.get(kind) or details["msg"].removeprefix("Input should be ")
    return Problem("schema", field, expected, shown(details["input"]), "correct the value")


def _unique(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
