"""The history is right by the store's order alone: whatever writers' clocks say, whoever comes late, dies or races."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import CHAMPION, PREVIOUS
from region_heads.registry.event_log import Log
from region_heads.registry.promotion import moves
from region_heads.registry.promotion.history import read
from region_heads.registry.promotion.moves import Registry, decided, history, promote_by_hand, rollback
from region_heads.settings import TrackingParams
from tests.region_heads.registry.promotion.conftest import MODEL, looked_at, version_at

LOG = f"{MODEL}.promotions"


def _told(tracking: TrackingParams) -> list[tuple[str, str, str | None]]:
    return [(event.event, event.version, event.previous) for event in history(tracking)]


def test_two_machines_with_other_clocks_roll_back_one_after_the_other(
    client: MlflowClient, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, ahead = time.time, itertools.cycle([120, -120, 0, 86400])
    monkeypatch.setattr(time, "time", lambda: real() + next(ahead))
    for version in ("1", "2", "3"):
        promote_by_hand(tracking, version, reason="Better.")
    assert rollback(tracking, reason="It is slow.").version == "2"
    assert rollback(tracking, reason="It is slow, too.").version == "1"
    assert version_at(client) == "1"
    assert [event[:2] for event in _told(tracking)][-2:] == [("rolled back", "2"), ("rolled back", "1")]
    found = read(client, MODEL)
    assert [version for version in "123" if found.barred(version)] == ["2", "3"]
    promote_by_hand(tracking, "3", reason="It was the camera.")
    assert not read(client, MODEL).barred("3"), "brought back by a person"


def test_of_two_decisions_on_the_same_state_the_second_is_made_anew(client: MlflowClient) -> None:
    seen = []

    def decide(mine: Registry) -> str:
        seen.append(mine.champion)
        if len(seen) == 1:  # meanwhile, in another process whose lock is its own
            Registry(client, MODEL, read(client, MODEL, make=True), None).promote("2", reason="Better.")
        return mine.promote("3", reason="Better.").previous or "none"

    assert decided(client, MODEL, decide) == "2"
    assert seen == [None, "2"]


def test_of_two_rollbacks_of_the_same_champion_one_is_refused(
    client: MlflowClient, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1", "2", "3"):
        promote_by_hand(tracking, version, reason="Better.")

    @contextlib.contextmanager
    def waited(*_: Any) -> Iterator[None]:
        monkeypatch.undo()
        rollback(tracking, reason="Somebody else was faster.")
        yield

    monkeypatch.setattr(moves, "promotion_lock", waited)
    with pytest.raises(RegionHeadsError, match="meanwhile version 2 has become champion in the place of 3"):
        rollback(tracking, reason="It is slow.")
    assert version_at(client) == "2"


@pytest.mark.usefixtures("client")
def test_a_lost_reply_is_found_again(tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch) -> None:
    real = MlflowClient.create_model_version

    def lost(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        real(*arguments, **named)  # and what goes between asked a second time
        raise MlflowException("the connection was reset")

    monkeypatch.setattr(MlflowClient, "create_model_version", lost)
    promote_by_hand(tracking, "1", reason="Better.")
    monkeypatch.setattr(MlflowClient, "create_model_version", real)
    promote_by_hand(tracking, "2", reason="Better.")
    assert _told(tracking) == [("promoted by hand", "1", None), ("promoted by hand", "2", "1")]


@pytest.mark.parametrize("lost", ["alias", "version"])
def test_a_champion_that_is_gone_is_still_champion_by_the_history(
    client: MlflowClient, tracking: TrackingParams, lost: str
) -> None:
    for version in ("1", "2", "3"):
        promote_by_hand(tracking, version, reason="Better.")
    if lost == "alias":
        client.delete_registered_model_alias(MODEL, CHAMPION)
    else:
        client.delete_model_version(MODEL, "3")
    assert looked_at(client) is None, "nobody but a person brings it back"
    assert read(client, MODEL).champion == "3"
    assert rollback(tracking, reason="It is gone.").version == "2"
    assert (version_at(client), version_at(client, PREVIOUS)) == ("2", "1")


def _delete_one(client: MlflowClient) -> None:
    client.delete_model_version(LOG, "2")


def _delete_last(client: MlflowClient) -> None:
    client.delete_model_version(LOG, "3")


def _delete_entries(client: MlflowClient) -> None:
    for number in ("1", "2", "3"):
        client.delete_model_version(LOG, number)


def _delete_log(client: MlflowClient) -> None:
    client.delete_registered_model(LOG)


@pytest.mark.parametrize("delete", [_delete_one, _delete_last, _delete_entries, _delete_log])
def test_deleted_entries_stop_everything_but_a_persons_word(
    client: MlflowClient, tracking: TrackingParams, delete: Callable[[MlflowClient], None],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    promote_by_hand(tracking, "1", reason="Better.")
    promote_by_hand(tracking, "2", reason="Better.")
    rollback(tracking, reason="It is slow.")
    delete(client)
    for _ in range(2):
        with pytest.raises(RegionHeadsError, match=f"{LOG} w(as|ere) deleted.*; name the champion: region-heads reg"):
            decided(client, MODEL, lambda mine: mine.promote("3", reason="Better."))
    with pytest.raises(RegionHeadsError, match="deleted"):
        rollback(tracking, reason="It is slow.")
    history(tracking)
    assert "deleted" in capsys.readouterr().err
    assert version_at(client) == "1"
    promote_by_hand(tracking, "1", reason="This one is right.")
    promote_by_hand(tracking, "3", reason="Better.")
    assert rollback(tracking, reason="It is slow.").version == "1"


def test_a_model_made_anew_under_an_old_name_does_not_inherit_its_history(
    client: MlflowClient, tracking: TrackingParams, tmp_path: Path
) -> None:
    promote_by_hand(tracking, "5", reason="Better.")
    client.delete_registered_model(MODEL)
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, source=tmp_path.as_uri())
    with pytest.raises(RegionHeadsError, match=f"{LOG} is the log of another model of this name; rename or delete it"):
        promote_by_hand(tracking, "1", reason="The first.")
    client.rename_registered_model(LOG, "put away")
    promote_by_hand(tracking, "1", reason="The first.")
    assert _told(tracking) == [("promoted by hand", "1", None)]


def test_a_model_that_was_renamed_keeps_its_history(client: MlflowClient, tracking: TrackingParams) -> None:
    promote_by_hand(tracking, "1", reason="Better.")
    client.rename_registered_model(MODEL, "other")
    other = tracking.model_copy(update={"model_name": "other"})
    promote_by_hand(other, "2", reason="Better.")
    assert [event[2] for event in _told(other)] == [None, "1"]


@pytest.mark.parametrize("tags", [{}, {"base": "x"}, {"base": "1"}, {"base": "1", "event": "promoted"}])
def test_versions_of_others_in_the_log_are_no_events(
    client: MlflowClient, tracking: TrackingParams, tags: dict[str, str]
) -> None:
    promote_by_hand(tracking, "1", reason="Better.")
    client.create_model_version(LOG, source="s3://somewhere/else", tags=tags)
    promote_by_hand(tracking, "2", reason="Better.")
    assert _told(tracking) == [("promoted by hand", "1", None), ("promoted by hand", "2", "1")]


def test_a_log_of_more_than_a_page_is_read_whole(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(client, "a log", "For a test.")
    base = 0
    for number in range(5):
        entry = log.append({"n": str(number)}, base)
        assert entry is not None
        base = entry.number
    real = MlflowClient.search_model_versions
    monkeypatch.setattr(
        MlflowClient, "search_model_versions", lambda *given, **named: real(*given, **{**named, "max_results": 2})
    )
    assert [entry.tags["n"] for entry in log.read().entries] == list("01234")
