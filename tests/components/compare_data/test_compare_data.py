"""compare_data: only data that no version has seen is trained on, and one run at a time does it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from components.compare_data.settings import Params
from components.compare_data.step import run as compare_data
from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import CHAMPION
from region_heads.registry.lease import let_go_of_run, retraining_renewed, take_for_run
from region_heads.registry.tracking import connect
from region_heads.settings import SourceParams, TrackingParams

DIGEST = "0123.dir"


@pytest.fixture
def compare(tmp_path: Path, tracking: TrackingParams) -> Any:
    """Runs the step; returns whether there is something to train on, and the sentence."""

    def call(*, digest: str = DIGEST, always: bool = False) -> tuple[bool, str]:
        figures = compare_data(
            page=tmp_path / "page.md", compare_data=Params(always=always), source=SourceParams(digest=digest),
            tracking=tracking,
        )  # fmt: skip
        return bool(figures["changed"]), (tmp_path / "page.md").read_text()

    return call


def _version(tracking: TrackingParams, digest: str, *, champion: bool) -> None:
    client = connect(tracking)
    if not client.search_registered_models():
        client.create_registered_model(tracking.model_name)
    made = client.create_model_version(tracking.model_name, "file:///model", tags={"data_digest": digest})
    if champion:
        client.set_registered_model_alias(tracking.model_name, CHAMPION, made.version)


def test_without_any_version_it_trains(compare: Any) -> None:
    assert compare() == (True, f"# New data?\n\nRetraining: no version was trained on the data {DIGEST}.\n")


def test_the_champions_data_is_not_trained_on_again_unless_asked(compare: Any, tracking: TrackingParams) -> None:
    _version(tracking, DIGEST, champion=True)
    changed, page = compare()
    assert not changed
    assert f"Nothing to do: champion 1 was trained on the same data, {DIGEST}." in page
    assert compare(always=True)[0]
    assert compare(digest="4567.dir")[0]


def test_data_whose_model_was_refused_is_not_trained_on_every_night(compare: Any, tracking: TrackingParams) -> None:
    _version(tracking, "old.dir", champion=True)
    _version(tracking, DIGEST, champion=False)
    changed, page = compare()
    assert not changed
    assert "version 2 was trained on the same data" in page


def test_data_without_a_digest_is_always_trained_on(compare: Any) -> None:
    changed, page = compare(digest="")
    assert changed
    assert "no digest" in page


def test_a_second_retraining_is_refused_as_long_as_the_first_gives_signs_of_life(
    compare: Any, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(tracking)
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    compare()
    compare()  # a second try of the same run
    with retraining_renewed(tracking, every=0.2):
        monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-2")
        with pytest.raises(RegionHeadsError, match="pipeline run run-1 is retraining"):
            compare()
        let_go_of_run(client, tracking.model_name, "run-2")  # what it does not have
        with pytest.raises(RegionHeadsError, match="run-1"):
            compare()
        let_go_of_run(client, tracking.model_name, "run-1")
        assert compare()[0]


def test_a_run_that_gives_no_sign_does_not_keep_the_others_out_whatever_the_clocks_say(
    tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, name, real = connect(tracking), tracking.model_name, time.time
    assert take_for_run(client, name, "run-1", lease=60) is None
    monkeypatch.setattr(time, "time", lambda: real() + 1e6)
    with monkeypatch.context() as first:
        first.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
        with retraining_renewed(tracking, every=0.2):
            assert take_for_run(client, name, "run-2", lease=20) == "run-1", "a clock that is ahead takes nothing"
    # A last sign may still be under way when the step ends.
    assert any(take_for_run(client, name, "run-2", lease=0.5) is None for _ in range(20))
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    with pytest.raises(RegionHeadsError, match="run run-2 has taken over"), retraining_renewed(tracking):
        pass


def test_a_step_of_another_pipeline_holds_nothing_up(tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    with retraining_renewed(tracking):
        assert not connect(tracking).search_registered_models()
    with retraining_renewed(TrackingParams(uri="http://127.0.0.1:9")):
        pass
