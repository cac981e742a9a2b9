"""sample_data: the public format on disk, the same for a seed, with wordings kept for the test."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco
from pydantic import ValidationError

from components.sample_data.step import run as sample_data
from region_heads.errors import RegionHeadsError
from region_heads.formats.candidate import Candidate
from region_heads.formats.parsing import parse_record
from region_heads.rendering.plan import orders
from region_heads.rendering.settings import Params
from region_heads.warehouse.questions.wordings import wordings

SMALL = {"scenes": 6, "width": 320, "height": 180, "splits": {"train": 0.5, "val": 0.17, "test": 0.33}}
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set, made in this process."""
    folder = tmp_path_factory.mktemp("sample") / "data"
    sample_data(dataset=folder, sample_data=Params(**SMALL, workers=1))
    return folder


def records(dataset: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for split in SPLITS:
        for record in json.loads((dataset / f"{split}.json").read_text(encoding="utf-8")):
            yield split, record


def digest(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_record_is_one_of_the_public_format(dataset: Path) -> None:
    for split, record in records(dataset):
        assert isinstance(parse_record(record), Candidate), record
        question = record["conversations"][0]["value"]
        assert question.count("<mask>") == len(record["rle"])
        with Image.open(dataset / split / "images" / record["image"]) as picture:
            assert (picture.mode, picture.size) == ("RGB", (320, 180))
        depth = np.asarray(Image.open(dataset / split / "depths" / record["image"].replace(".png", "_depth.png")))
        assert (depth.dtype, depth.shape) == (np.uint16, (180, 320))
        for mask in record["rle"]:
            assert mask["size"] == [180, 320]
            assert coco.decode(mask).sum() >= 30


def test_ids_are_unique_and_a_picture_lies_in_one_split(dataset: Path) -> None:
    found = list(records(dataset))
    assert len({record["id"] for _, record in found}) == len(found)
    places = {(split, record["image"]) for split, record in found}
    assert len({image for _, image in places}) == len(places) == 6


def test_all_categories_are_asked_about_as_often_as_configured(dataset: Path) -> None:
    counts = Counter(record["category"] for _, record in records(dataset))
    assert set(counts) == {"distance", "left_right", "mcq", "count"}
    assert max(counts.values()) - min(counts.values()) <= 3
    uneven = Params(**SMALL, categories={"distance": 1, "left_right": 0, "mcq": 0, "count": 1})
    wanted = [order.wanted for order in orders(uneven)]
    assert sum(order["left_right"] + order["mcq"] for order in wanted) == 0
    assert sum(order["distance"] for order in wanted) == pytest.approx(6 * 10.5 / 2, abs=2)


def test_the_default_is_about_400_scenes_and_4000_questions() -> None:
    planned = orders(Params())
    assert len(planned) == 400
    assert sum(sum(order.wanted.values()) for order in planned) == pytest.approx(4200, abs=5)
    assert Counter(order.split for order in planned) == {"train": 300, "val": 40, "test": 60}


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(dataset: Path, tmp_path: Path) -> None:
    """Also in another process with another order of sets and dictionaries."""
    params = tmp_path / "params.yaml"
    params.write_text(json.dumps({"sample_data": SMALL | {"workers": 2}}))
    command = [sys.executable, "-m", "components", "sample_data", "--dataset", str(tmp_path / "again")]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    subprocess.run([*command, "--params", str(params)], check=True, env=environment, capture_output=True)
    assert digest(tmp_path / "again") == digest(dataset)


def test_the_warehouse_of_a_seed_stays_what_it_is(tmp_path: Path) -> None:
    """Words, answers, ids and masks of a scene; a change that is meant renews all figures in the documentation too."""
    everything = {"train": 1, "val": 0, "test": 0}
    sample_data(dataset=tmp_path / "one", sample_data=Params(**SMALL | {"scenes": 1, "splits": everything}, workers=1))
    written = (tmp_path / "one" / "train.json").read_bytes()
    assert hashlib.blake2b(written, digest_size=16).hexdigest() == "1fe947835f4b0d734990f7490017b02f"


def test_another_seed_gives_other_scenes(dataset: Path, tmp_path: Path) -> None:
    sample_data(dataset=tmp_path / "other", sample_data=Params(**SMALL | {"scenes": 1}, seed=8, workers=1))
    assert not set(digest(tmp_path / "other").values()) & set(digest(dataset).values())


def pattern(wording: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", r".+", re.escape(wording)), re.IGNORECASE)


def test_wordings_kept_for_the_test_are_seen_there_alone(dataset: Path) -> None:
    kept = [
        pattern(wording)
        for meanings in wordings().content["questions"].values()
        for groups in meanings.values()
        for wording in groups["test_only"]
    ]
    texts: dict[str, list[str]] = {split: [] for split in SPLITS}
    for split, record in records(dataset):
        texts[split].append(record["conversations"][0]["value"].removeprefix("<image>\n"))
    assert not [text for text in texts["train"] + texts["val"] if any(one.fullmatch(text) for one in kept)]
    assert sum(any(one.fullmatch(text) for one in kept) for text in texts["test"]) >= 3


def test_every_meaning_has_many_wordings_and_some_for_the_test() -> None:
    for category, meanings in wordings().content["questions"].items():
        for meaning, groups in meanings.items():
            everywhere, kept = groups["everywhere"], groups["test_only"]
            assert len(everywhere) >= 6, (category, meaning)
            assert len(kept) >= 2, (category, meaning)
            assert not set(everywhere) & set(kept), (category, meaning)


def test_what_is_there_already_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.json").write_text("[]")
    sample_data(dataset=tmp_path / "data", sample_data=Params(**SMALL | {"scenes": 1}, workers=1))
    assert not (tmp_path / "data" / "old.json").exists()
    assert (tmp_path / "data" / "train.json").is_file()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"splits": {"train": 0.9, "val": 0.2, "test": 0.1}}, r"expected train \+ val \+ test = 1, found 1\.2"),
        ({"categories": {"distance": 0, "left_right": 0, "mcq": 0, "count": 0}}, "at least one share above 0"),
        ({"scenes": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Params(**settings)


def test_where_embree_has_no_package_the_table_top_is_rendered_and_the_warehouse_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("embreex", "embreex.mesh_construction", "embreex.rtcore_scene"):
        monkeypatch.setitem(sys.modules, module, None)
    one = {"scenes": 1, "workers": 1, "width": 160, "height": 90}
    sample_data(dataset=tmp_path / "data", sample_data=Params(domain="tabletop", **one))
    with pytest.raises(RegionHeadsError, match=r"embreex, which is not installed.*sample_data\.domain to tabletop"):
        sample_data(dataset=tmp_path / "other", sample_data=Params(**one))
