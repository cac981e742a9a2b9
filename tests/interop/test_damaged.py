"""Whatever stands in a damaged export, an import ends in words."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from region_heads.errors import RegionHeadsError
from region_heads.labelling.choices import Tool
from region_heads.labelling.entry import Options
from region_heads.labelling.importing import bring
from tests.interop.conftest import EXPORTS, draw

ODD = st.sampled_from(
    [None, True, -1, 1e308, 10**30, "", "x", "\ud800", [], [[]], [None] * 4, {}, {"size": [48, 64], "counts": "0"},
     [[1, 2], [3, 4], [5, 6]], {"bytes": 1}, "x" * 400, "http://[x/a.png", "a\0.png"]
)  # fmt: skip
FILES = [
    (Tool.LABEL_STUDIO, "label_studio/project-7-at-2026-03-02.json"),
    (Tool.COCO, "coco/annotations/instances_train2017.json"),
    (Tool.COCO, "coco/questions.jsonl"),
    (Tool.CVAT, "cvat/annotations.xml"),
    (Tool.LLAVA, "llava/train.json"),
    (Tool.SPATIALRGPT, "spatialrgpt/result_10_depth_convs.json"),
    (Tool.TABLE, "table_masks/questions.jsonl"),
]


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and list with each of its keys."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in inner:
        yield content, key
        yield from places(value)


def damage(file: Path, place: float, odd: Any) -> None:
    """Puts ``odd`` into one of the places of a file of JSON, JSON lines or XML."""
    text = file.read_text()
    if file.suffix == ".xml":
        found = list(re.finditer(r'(?<==")[^"]*|(?<=>)[^<\s][^<]*', text))
        at = found[int(place * len(found))]
        said = escape(str(odd), {'"': "&quot;"})
        file.write_bytes((text[: at.start()] + said + text[at.end() :]).encode("utf-8", "surrogatepass"))
        return
    lined = file.suffix == ".jsonl"
    content = [json.loads(line) for line in text.splitlines()] if lined else json.loads(text)
    within = list(places(content))
    inner, key = within[int(place * len(within))]
    inner[key] = odd
    file.write_text("\n".join(map(json.dumps, content)) if lined else json.dumps(content))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the exports."""
    folder = tmp_path_factory.mktemp("pictures")
    draw(folder)
    return folder


@settings(max_examples=20)
@given(export_of=st.sampled_from(FILES), place=st.floats(0, 1, exclude_max=True), odd=ODD, partial=st.booleans())
def test_a_damaged_export_is_refused_in_words_or_read(
    photos: Path, export_of: tuple[Tool, str], place: float, odd: Any, partial: bool
) -> None:
    tool, name = export_of
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / name.partition("/")[0]
        shutil.copytree(EXPORTS / export.name, export)
        damage(Path(folder) / name, place, odd)
        with contextlib.suppress(RegionHeadsError):
            bring([export], Path(folder) / "out", tool, Options(), pictures=photos, copy=False, partial=partial)
