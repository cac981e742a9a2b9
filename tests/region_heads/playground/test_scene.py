"""What clicks on a picture come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from region_heads.errors import RegionHeadsError
from region_heads.masks import decode
from region_heads.playground.drawing import ANSWER, draw
from region_heads.playground.page import Playground
from region_heads.playground.scene import Example, Scene, completed, scenes
from region_heads.prediction import load
from region_heads.rle import box_counts

WIDTH, HEIGHT = 120, 80
LARGE = box_counts((10, 10, 70, 70), height=HEIGHT, width=WIDTH)
SMALL = box_counts((20, 20, 40, 40), height=HEIGHT, width=WIDTH)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    Image.new("RGB", (WIDTH, HEIGHT), "#404040").save(tmp_path / "0.png")
    return Scene(tmp_path / "0.png", WIDTH, HEIGHT, known=(LARGE, SMALL))


def test_a_click_takes_the_smallest_region_under_it_and_takes_it_once(scene: Scene) -> None:
    assert scene.point(30, 30).chosen == (SMALL,)
    assert scene.point(60, 60).point(30, 30).chosen == (LARGE, SMALL)
    assert scene.point(30, 30).point(25, 25).chosen == (SMALL,)


def test_elsewhere_two_clicks_in_any_order_make_a_box(scene: Scene) -> None:
    marked = scene.point(110, 75).point(80, 5)
    mask = decode(marked.chosen[0], height=HEIGHT, width=WIDTH)
    assert mask.sum() == 30 * 70
    assert mask[5:75, 80:110].all()
    assert decode(scene.point(90, 5).point(90, 5).chosen[0], height=HEIGHT, width=WIDTH).sum() == 1


def test_what_was_done_last_is_taken_back(scene: Scene) -> None:
    one = scene.point(30, 30)
    assert one.point(110, 5).without_last() == one, "a first corner"
    assert one.without_last() == scene
    assert scene.without_last() == scene


@pytest.mark.parametrize(
    ("question", "regions", "whole"),
    [
        ("How far is <mask> from <mask>?", 2, "How far is <mask> from <mask>?"),
        ("How far is <mask> from?", 2, "How far is <mask> from <mask>?"),
        ("Which is leftmost", 2, "Which is leftmost <mask> <mask>"),
        ("", 1, "<mask>"),
        ("How far is <mask> from <mask>?", 1, "How far is <mask> from <mask>?"),
    ],
)
def test_the_question_gets_a_placeholder_for_each_region(question: str, regions: int, whole: str) -> None:
    assert completed(question, regions) == whole


def test_regions_that_were_used_are_seen(scene: Scene) -> None:
    chosen = scene.point(60, 60)
    plain, used = (np.asarray(draw(chosen, answer=answer)) for answer in ((), (0,)))
    y, x = 60, 15  # inside, away from edge and number
    assert plain[y, x].tolist() == [64, 64, 64]
    assert used[y, x].tolist() != [64, 64, 64]
    edge = used[5:16, 8:12].reshape(-1, 3)
    assert (edge == ANSWER).all(axis=1).any()


def test_a_picture_of_ones_own_is_answered_without_depth_only_where_this_is_ticked(
    untrained_model: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(untrained_model)
    monkeypatch.setattr(model.network.config, "depth_share", 1.0)
    page = Playground(model, name="", scenes={}, depth_scale=0.001)
    asked = scene.taking(Example("", (LARGE, SMALL), ""))
    question = "How far is <mask> from <mask>?"
    assert "depth: expected depth images" in page._ask(asked, question, False)[1]
    assert "meters" in page._ask(asked, question, True)[1]


def test_pictures_come_with_the_regions_and_questions_that_the_data_set_has(splits: Path, dataset: Path) -> None:
    found = scenes(splits / "test.parquet", dataset)
    assert len(found) == 6
    scene = found["test/images/000000.png"]
    assert [example.truth for example in scene.examples] == ["3.2", '"left"', '"0"', "1"]
    assert len(scene.known) == 3
    taken = scene.taking(scene.examples[2])
    assert taken.chosen == scene.examples[2].rle
    with pytest.raises(RegionHeadsError, match="expected a table that the step split wrote"):
        scenes(splits / "nothing.parquet", dataset)
