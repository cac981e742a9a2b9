"""Users' regular expressions: Python's own findings, within a time, and what is not done in time is told by name."""

from __future__ import annotations

import re

import pytest

from region_heads import user_patterns
from region_heads.errors import RegionHeadsError
from region_heads.evaluation.cameras import cameras
from region_heads.quality.splits.groups import group_of
from region_heads.user_patterns import search


@pytest.mark.parametrize("pattern", [r"cam(\d+)", r"cam\d+", r"^(?:a/)?(x)?", "(?i)CAM(.)", "é"])
def test_what_is_found_is_what_python_finds(pattern: str) -> None:
    texts = ["a/cam1/1.png", "cam22.png", "", "x", "é\u0301", "half \ud83d", "a\0b\n", "cam1"]
    expected = {}
    for text in texts:
        found = re.search(pattern, text)
        label = found and found[1 if found.re.groups else 0]
        if label is not None:
            expected[text] = label
    assert search(iter(texts), pattern, setting="split.group") == expected


SLOW = "images/" + "a" * 40 + "!.png"


def test_a_pattern_without_an_end_is_reported_with_its_setting_and_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_patterns, "_SECONDS", 0.5)
    images = ["images/a.png", SLOW, "images/b.png"]
    for setting, use in (
        ("evaluate.camera", lambda: cameras(images, "((?:a+)+)$")),
        ("split.group", lambda: group_of(images, "((?:a+)+)$", [])),
    ):
        with pytest.raises(RegionHeadsError) as told:
            use()
        assert str(told.value).startswith(f"{setting}: expected a regular expression that is done within 0.5 s")
        assert "'((?:a+)+)$'" in str(told.value)
        assert f"after 1 of 3 texts, at {SLOW!r}" in str(told.value)


def test_a_pattern_of_a_suite_of_ones_own_is_bounded_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from region_heads.quality.validation.expectations import _check_time

    monkeypatch.setattr(user_patterns, "_SECONDS", 0.5)
    table = pd.DataFrame({"image": [SLOW, None]})
    for arguments in ({"regex": "(a+)+$"}, {"regex_list": ["png", "(a+)+$"]}):
        with pytest.raises(RegionHeadsError, match=r"suite.yaml: expect_x: expected a regular expression that is done"):
            _check_time({"column": "image"} | arguments, table, "suite.yaml: expect_x")
