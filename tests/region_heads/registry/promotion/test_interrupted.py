"""Promotions that run at the same time, and promotions that are killed: the registry never loses its footing.

Real processes on a real store. They come from a server that has imported MLflow once, so that each starts in
milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from components.promote.step import run as promote
from region_heads.errors import RegionHeadsError
from region_heads.files.digests import evaluation_digest
from region_heads.registry import lease as registry_lock
from region_heads.registry.champion import CHAMPION, PREVIOUS
from region_heads.registry.lease import promotion_lock
from region_heads.registry.promotion import moves
from region_heads.registry.promotion.history import read
from region_heads.registry.promotion.moves import decided, history, promote_by_hand, rollback
from region_heads.registry.promotion.settings import Params
from region_heads.settings import TrackingParams
from tests.region_heads.files.written_files import evaluation, validation
from tests.region_heads.registry.promotion.conftest import MODEL, version_at

WRITES = (
    "create_registered_model",
    "create_model_version",
    "set_registered_model_tag",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_model_version_tag",
)


@pytest.fixture(scope="module")
def processes() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["components.promote.step", "mlflow", "mlflow.store.tracking.sqlalchemy_store"])
    return context


def _run_all(processes: Any, work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> list[int]:
    started = [processes.Process(target=work, args=given) for given in arguments]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    return [process.exitcode for process in started]


def _by_hand(uri: str, version: str, locked: bool) -> None:
    if not locked:
        moves.promotion_lock = lambda *_: contextlib.nullcontext()  # type: ignore[assignment]
    promote_by_hand(TrackingParams(uri=uri), version, reason=f"Process for {version}.")


def _through_the_gate(uri: str, folder: Path, version: str) -> None:
    judged = evaluation(model_digest=version)
    folder.mkdir()
    MlflowClient(uri).set_model_version_tag(MODEL, version, "evaluation_digest", evaluation_digest(judged))
    MlflowClient(uri).set_model_version_tag(MODEL, version, "model_digest", version)
    (folder / "evaluation").write_text(json.dumps(judged))
    (folder / "validation").write_text(json.dumps(validation()))
    (folder / "registration").write_text(json.dumps({"model_name": MODEL, "version": version}))
    ports = {name: folder / name for name in ("registration", "evaluation", "validation", "promotion", "verdict")}
    promote(**ports, promote=Params(), tracking=TrackingParams(uri=uri))


@pytest.mark.slow
@pytest.mark.parametrize("locked", [True, False])
def test_promotions_by_hand_at_the_same_time_follow_each_other_with_the_lock_and_without(
    processes: Any, client: MlflowClient, tracking: TrackingParams, locked: bool
) -> None:
    versions = [str(number) for number in range(1, 7)]
    assert _run_all(processes, _by_hand, [(tracking.uri, version, locked) for version in versions]) == [0] * 6
    told = history(tracking)
    if locked:
        assert "completed" not in [event.event for event in told], "nobody was disturbed"
    events = [event for event in told if event.event != "completed"]  # an alias that one had set for another
    assert sorted(event.version for event in events) == versions, "each of them is in the history"
    assert [event.previous for event in events] == [None, *(event.version for event in events[:-1])], "as one chain"
    assert (version_at(client, CHAMPION), version_at(client, PREVIOUS)) == (events[-1].version, events[-2].version)
    logs = {model.name for model in client.search_registered_models()} - {MODEL}
    assert logs == {f"{MODEL}.promotions"} | ({f"{MODEL}.promotion-lock"} if locked else set())


@pytest.mark.slow
def test_of_several_first_champions_one_wins_and_the_others_are_reported_that_it_did(
    processes: Any, client: MlflowClient, tracking: TrackingParams, tmp_path: Path
) -> None:
    versions = [str(number) for number in range(1, 7)]
    given = [(tracking.uri, tmp_path / version, version) for version in versions]
    assert _run_all(processes, _through_the_gate, given) == [0] * 6
    verdicts = {version: json.loads((tmp_path / version / "promotion").read_text()) for version in versions}
    (winner,) = [version for version in versions if verdicts[version]["promoted"]]
    assert version_at(client, CHAMPION) == winner
    for version in set(versions) - {winner}:
        assert f"The champion is version {winner}, but the comparison was made with" in verdicts[version]["sentence"]
    events = history(tracking)
    assert [event.event for event in events] == ["promoted"] + ["refused"] * 5
    assert sorted(event.version for event in events) == versions


def _killed_before_write(number: int, uri: str, work: str) -> None:
    """Does ``work`` and kills this process before its ``number``-th write to MLflow."""
    done = 0

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(MlflowClient, name)

        def write(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return write

    for name in WRITES:
        setattr(MlflowClient, name, counted(name))
    tracking = TrackingParams(uri=uri)
    if work == "promote":
        promote_by_hand(tracking, "3", reason="It is better.")
    else:
        rollback(tracking, reason="It is worse.")


@pytest.mark.slow
@pytest.mark.parametrize("work", ["promote", "rollback"])
def test_killed_at_any_moment_the_champion_is_the_old_or_the_new_one_and_the_history_says_which(
    work: str, processes: Any, client: MlflowClient, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_lock, "LEASE", 0.3)  # what the dead leave holds nobody up for longer
    promote_by_hand(tracking, "1", reason="The first.")
    promote_by_hand(tracking, "2", reason="The second.")
    target = {"promote": "3", "rollback": "1"}[work]
    before, after = 0, 0
    for number in range(1, 20):
        (code,) = _run_all(processes, _killed_before_write, [(number, tracking.uri, work)])
        champion = version_at(client, CHAMPION)
        noted = history(tracking)
        assert [event for event in noted if event.moved][-1].version == champion, "even before anything was made good"
        if code == 0:
            assert champion == target
            break
        assert code == -signal.SIGKILL
        made_good = decided(client, MODEL, lambda mine: mine.champion)
        assert made_good == version_at(client, CHAMPION)
        last = history(tracking)[-1]
        assert last.event != "under way"
        if noted[-1].event == "under way" or champion == target:
            after += 1
            assert made_good == target, "what stands in the history takes place"
            assert (last.version, last.previous) == (target, "2")
            assert version_at(client, PREVIOUS) == {"promote": "2", "rollback": None}[work]
            assert read(client, MODEL).barred("2") == (work == "rollback")
            promote_by_hand(tracking, "2", reason="Back to where it was.")
        else:
            before += 1
            assert (made_good, last.event) == ("2", "promoted by hand")
    assert before >= 2
    assert after >= 3


class Hours:
    """A clock that moves while somebody waits, and a holder who then gives a sign or does not: no load changes it."""

    def __init__(self, sign: Callable[[], None]) -> None:
        self.now, self.sign = 0.0, sign

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 0.6 * registry_lock.LEASE
        self.sign()


def test_a_lock_that_is_held_is_waited_for_and_then_named(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with promotion_lock(client, MODEL) as held:
        monkeypatch.setattr(registry_lock, "time", Hours(lambda: registry_lock._give_sign(held.log, held.entry)))
        patience = 5 * registry_lock.LEASE  # its holder gives signs, so that it outlives its lease
        told = r"another promotion holds it for more than 100 s \(process .*/\d+, since"
        with pytest.raises(RegionHeadsError, match=told), promotion_lock(client, MODEL, patience=patience):
            pass
    with promotion_lock(client, MODEL) as other, pytest.raises(RegionHeadsError, match="the lock was lost"):
        other.check()
        held.check()


def test_a_lock_whose_holder_gives_no_sign_is_taken_over_and_its_holder_notices(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_lock, "_give_sign", lambda *_: None)
    with promotion_lock(client, MODEL) as slow:
        monkeypatch.setattr(registry_lock, "time", Hours(lambda: None))
        with promotion_lock(client, MODEL) as fast:
            fast.check()
            with pytest.raises(RegionHeadsError, match="the lock was lost"):
                slow.check()


def test_a_holder_gives_signs_by_itself(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    given = threading.Semaphore(0)
    monkeypatch.setattr(registry_lock, "_give_sign", lambda *_: given.release())
    monkeypatch.setattr(registry_lock, "LEASE", 0.04)
    with promotion_lock(client, MODEL):
        assert all(given.acquire(timeout=60) for _ in range(3))


def test_an_alias_moved_by_another_program_is_noted(client: MlflowClient, tracking: TrackingParams) -> None:
    promote_by_hand(tracking, "1", reason="The first.")
    client.set_registered_model_alias(MODEL, CHAMPION, "5")
    promote_by_hand(tracking, "2", reason="The second.")
    assert [(event.event, event.version, event.previous) for event in history(tracking)] == [
        ("promoted by hand", "1", None),
        ("moved elsewhere", "5", "1"),
        ("promoted by hand", "2", "5"),
    ]
