"""Slices by camera, and that every task names the slice that describes its mix of questions."""

from __future__ import annotations

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.evaluation.cameras import MOST, cameras
from region_heads.evaluation.slice_labels import slice_labels
from region_heads.evaluation.slices import GENERAL
from region_heads.tasks import TASKS
from region_heads.tasks.slices import Row


def row(image: str, truth: object = 1) -> Row:
    return Row(image=image, question="How many?", rle=[], width=4, height=4, truth=truth, has_depth=False)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_mix_of_a_task_is_one_of_its_slices(task: object) -> None:
    assert task.mix in {*GENERAL, *task.slices}  # type: ignore[attr-defined]


def test_the_first_bracket_is_the_camera() -> None:
    images = ["test/images/hall1_cam07_0001.png", "test/images/hall1_cam12_0004.png", "test/images/odd.png"]
    assert cameras(images, r"cam(\d+)_(\d+)") == ["07", "12", "other"]
    assert cameras(images, r"cam\d+") == ["cam07", "cam12", "other"], "without a bracket, all that it finds"


def test_rare_cameras_share_a_slice() -> None:
    images = [f"c{number:02d}/{k}.png" for number in range(30) for k in range(3 if number < MOST - 1 else 1)]
    found = cameras(images, r"(c\d+)/")
    assert len(set(found)) == MOST + 1
    assert found.count("c19") == 1, "of equals, the first in text order is shown"
    assert found.count("other") == 10


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("cam(", r"expected a regular expression \(missing .*\), found 'cam\('"),
        ("camera_9", r"fits none, e\.g\. not 'a\.png'"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_named(pattern: str, message: str) -> None:
    with pytest.raises(RegionHeadsError, match=rf"evaluate\.camera: .*{message}"):
        cameras(["a.png"], pattern)


def test_labels_are_given_question_by_question_and_only_where_they_apply() -> None:
    rows = [row("cam1/a.png", 3), row("cam2/b.png", 2.5), row("cam1/c.png", "left")]
    found = slice_labels(["counting", "distance", "left_right"], rows, camera=r"(cam\d)")
    assert found["camera"] == ["cam1", "cam2", "cam1"]
    assert found["truth"] == ["3", None, "left"]
    assert found["range"] == [None, "2-5 m", None]
    assert "camera" not in slice_labels(["counting"], rows[:1])
