"""Settings come from `params.yaml` where one lies, and else from defaults; a misspelt section is no default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.params_file import settings_of
from region_heads.settings import DatasetParams, TrackingParams


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_file_every_value_is_its_default() -> None:
    assert settings_of("tracking", TrackingParams) == TrackingParams()


def test_a_file_in_the_working_folder_is_read_whatever_else_it_holds() -> None:
    Path("params.yaml").write_text("tracking: {experiment: mine}\nsample_data: {scenes: 3}\nsomebody_s: [1]\n")
    assert settings_of("tracking", TrackingParams).experiment == "mine"
    assert settings_of("data", DatasetParams) == DatasetParams()


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(RegionHeadsError, match=r"other\.yaml: no such file"):
        settings_of("tracking", TrackingParams, Path("other.yaml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trakcing: {experiment: mine}", "unknown section 'trakcing'; did you mean 'tracking'"),
        ("data: {}\nTracking: {experiment: mine}", "unknown section 'Tracking'; did you mean 'tracking'"),
        ("tracking: {experimnt: mine}", "unknown key tracking.experimnt; did you mean 'experiment'"),
        ("tracking: {}\ntracking: {}", "the key 'tracking' stands here and in line 1"),
        ("[tracking]", "expected sections at the top level, found list"),
    ],
)
def test_a_mistake_in_it_is_no_default(text: str, said: str) -> None:
    Path("params.yaml").write_text(text)
    with pytest.raises(RegionHeadsError, match=rf"params\.yaml.*{said}"):
        settings_of("tracking", TrackingParams)


def test_a_file_without_a_section_of_a_name_that_resembles_another_one_is_fine() -> None:
    Path("params.yaml").write_text("evaluate: {}\nsample_data: {}\n")
    for name in ("validate", "data"):
        assert settings_of(name, DatasetParams) == DatasetParams()


def test_a_section_whose_name_is_nearly_that_of_another_is_no_default() -> None:
    Path("params.yaml").write_text("dataset: {path: mine}\n")
    with pytest.raises(RegionHeadsError, match="unknown section 'dataset'; did you mean 'data'"):
        settings_of("data", DatasetParams)


def test_a_pipe_which_is_read_once_is_no_file_of_settings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RegionHeadsError, match="pipe: expected a file, found a folder or a pipe"):
        settings_of("data", DatasetParams, tmp_path / "pipe")
