"""The table-top's data set: its format, the same for a seed, and asked in other words where those are given."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from components.sample_data.step import run as sample_data
from region_heads.errors import RegionHeadsError
from region_heads.formats.candidate import Candidate
from region_heads.formats.parsing import parse_record
from region_heads.rendering.plan import Order
from region_heads.rendering.settings import Params
from region_heads.tabletop.scenes import make_scene

SIZE = (256, 192)


def digest(folder: Path) -> str:
    return hashlib.blake2b(
        b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    ).hexdigest()


def test_the_step_writes_the_public_format_and_the_same_for_a_seed(tmp_path: Path) -> None:
    settings = {"domain": "tabletop", "scenes": 3, "width": 256, "height": 192}
    for name, workers in (("one", 1), ("two", 2)):
        sample_data(dataset=tmp_path / name, sample_data=Params(**settings, workers=workers))
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    records = [
        record for split in ("train", "val", "test")
        for record in json.loads((tmp_path / "one" / f"{split}.json").read_text(encoding="utf-8"))
    ]  # fmt: skip
    assert len(records) == pytest.approx(31, abs=2)
    assert all(isinstance(parse_record(record), Candidate) for record in records)
    allowed = {
        "id",
        "image",
        "conversations",
        "rle",
        "category",
        "normalized_answer",
        "freeform_answer",
        "field_of_view",
    }
    assert all(set(record) == allowed for record in records)


def test_other_wordings_stand_in_place_of_the_domains_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    mine = {"everywhere": ["So {a}, {b}, which side?"], "test_only": []}
    file.write_text(json.dumps({"questions": {"left_right": {"open": mine, "confirm": mine}}}), encoding="utf-8")
    order = Order(0, 1, "train", SIZE, {"left_right": 6, "mcq": 2}, str(file))
    texts = [q.text for q in make_scene(order)[0].questions if q.meaning in ("open", "confirm")]
    assert texts and all(text.endswith("which side?") for text in texts)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"questions": {"left_right": {"opened": {}}}}, "questions.left_right: expected some of open, .*found opened"),
        ({"phrases": {"red": ["red"]}}, "phrases.red: expected lists of texts, everywhere and test_only"),
        ({"questions": {"left_right": {"open": {"everywhere": [], "test_only": []}}}}, "found none; add one"),
    ],
)
def test_wordings_that_do_not_fit_are_refused_by_their_place(tmp_path: Path, content: object, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RegionHeadsError, match=words):
        for index in range(4):
            make_scene(Order(index, 1, "train", SIZE, {"left_right": 6}, str(file)))
