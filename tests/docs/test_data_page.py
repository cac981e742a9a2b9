"""The page about data shows one record of each task, and the schema beside it is that of the reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from region_heads.formats.candidate import Candidate
from region_heads.formats.checks import content_problems
from region_heads.formats.parsing import parse_record
from region_heads.formats.schema import schema_text
from region_heads.tasks import TASKS

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = jsonschema.Draft202012Validator(json.loads(schema_text()))


def shown() -> list[dict[str, Any]]:
    """The records of the page."""
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    block = re.search(r"to write:\n\n((?:    .*\n)+)", text)
    assert block is not None
    decoder, rest, found = json.JSONDecoder(), block[1].strip(), []
    while rest:
        record, end = decoder.raw_decode(rest)
        found.append(record)
        rest = rest[end:].strip()
    return found


def test_the_page_shows_a_sound_record_of_each_task() -> None:
    records = shown()
    assert {record["category"] for record in records} == {task.category for task in TASKS}
    for record in records:
        candidate = parse_record(record)
        assert isinstance(candidate, Candidate)
        assert content_problems(candidate) == []
        SCHEMA.validate(record)


def test_the_page_names_every_field_of_the_flat_format() -> None:
    text = (DOCS / "data.md").read_text(encoding="utf-8")
    fields = json.loads(schema_text())["$defs"]["FlatRecord"]["properties"]
    assert [name for name in fields if f"`{name}`" not in text] == []


VALUES = st.one_of(
    st.none(), st.integers(-9, 99), st.text(max_size=5), st.lists(st.floats(0, 9), max_size=5),
    st.dictionaries(st.sampled_from(["xyxy", "xywh", "size", "counts"]), st.lists(st.floats(0, 9), max_size=5)),
    st.lists(st.dictionaries(st.sampled_from(["xyxy", "xywh"]), st.lists(st.floats(0, 9), min_size=4, max_size=4))),
)  # fmt: skip


@given(
    number=st.integers(0, 3),
    name=st.sampled_from(["id", "image", "regions", "answer", "category", "more"]),
    value=VALUES,
)
def test_what_is_read_fits_the_schema(number: int, name: str, value: Any) -> None:
    record = shown()[number] | {name: value}
    if isinstance(parse_record(record), Candidate):
        SCHEMA.validate(record)


@pytest.mark.parametrize("lacking", ["question", "image", "regions"])
def test_the_schema_refuses_a_record_without_what_each_has(lacking: str) -> None:
    record = {name: value for name, value in shown()[0].items() if name != lacking}
    assert not SCHEMA.is_valid(record)
