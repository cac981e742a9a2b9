"""However writers interleave and die, on one store and without a lock, the history is one chain."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from region_heads.errors import RegionHeadsError
from region_heads.registry.promotion import moves
from region_heads.registry.promotion.history import read
from region_heads.registry.promotion.moves import Registry, decided, promote_by_hand, rollback
from region_heads.settings import TrackingParams
from tests.region_heads.registry.promotion.conftest import MODEL, looked_at, version_at
from tests.region_heads.registry.promotion.registry_standin import RegistryStandin


class Died(BaseException):
    """The process of a writer was killed."""


class Stage:
    """Writers on one store, each call of theirs to MLflow made when the schedule says so; some die between two calls.

    They hold no lock: what is shown here holds without one.
    """

    def __init__(self, client: MlflowClient) -> None:
        self.client = client
        self.turn = threading.Condition()
        self.waiting: set[str] = set()
        self.allowed: dict[str, bool] = {}
        self.done: dict[str, Any] = {}

    def start(self, name: str, work: Callable[[Any], Any]) -> None:
        def run() -> None:
            try:
                result: Any = work(_Staged(self, name))
            except (Died, RegionHeadsError) as error:
                result = error
            with self.turn:
                self.done[name] = result
                self.turn.notify_all()

        threading.Thread(target=run, daemon=True).start()

    def enter(self, name: str) -> None:
        """A writer waits for its turn."""
        with self.turn:
            self.waiting.add(name)
            self.turn.notify_all()
            self.turn.wait_for(lambda: name in self.allowed)
            self.waiting.discard(name)
            if not self.allowed.pop(name):
                self.allowed[name] = False  # dead is dead
                raise Died

    def play(self, schedule: list[tuple[int, bool]], names: list[str]) -> None:
        """Gives turns by ``schedule`` (who of those who wait, and whether it dies), then to all in order."""
        for which, lives in itertools.chain(schedule, itertools.repeat((0, True))):
            with self.turn:
                assert self.turn.wait_for(lambda: len(self.waiting) + len(self.done) == len(names), 30)
                if len(self.done) == len(names):
                    return
                ready = sorted(self.waiting)
                name = ready[which % len(ready)]
                self.waiting.discard(name)
                self.allowed[name] = lives
                self.turn.notify_all()


class _Staged:
    """A client whose calls wait for their turn."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage, self._name = stage, name

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._stage.client, name)
        if not callable(real):
            return real

        def call(*arguments: Any, **named: Any) -> Any:
            self._stage.enter(self._name)
            return real(*arguments, **named)

        return call


@pytest.fixture
def without_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "promotion_lock", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(moves, "in_words", lambda _: contextlib.nullcontext())


def _play(client: MlflowClient, schedule: list[tuple[int, bool]], works: list[str]) -> None:
    """Writers promote by hand or roll back, starting from versions 1 and 2; then looks at what they left."""
    stage = Stage(client)

    def work(staged: Any, what: str) -> Any:
        if what == "back":
            meant = moves._settled(staged, MODEL).history.champion

            def back(mine: Registry) -> Any:
                if mine.history.champion != meant:
                    raise RegionHeadsError("meanwhile")
                return mine.roll_back(reason="It is slow.")

            return decided(staged, MODEL, back)
        return decided(staged, MODEL, lambda mine: mine.promote(what, reason="Better."))

    names = [f"{number} {what}" for number, what in enumerate(works)]
    for name, what in zip(names, works, strict=True):
        stage.start(name, lambda staged, what=what: work(staged, what))  # type: ignore[misc]
    stage.play(schedule, names)

    champion, found = looked_at(client), read(client, MODEL)
    assert champion == found.champion, "the alias has followed"
    assert "moved elsewhere" not in [event.event for event in found.events], "nobody else was there"
    before: str | None = None
    for position, event in enumerate(found.events):
        if event.event == "completed":
            assert event.version == before
        else:
            assert event.previous == before, "each rests on the one before"
        if event.event == "rolled back":
            past = [one for one in found.events[:position] if one.version == before and one.event == "promoted"]
            assert event.version == past[-1].previous
        before = event.version
    ours = [(event.event, event.version) for event in found.events if event.event != "completed"][2:]
    for name, result in stage.done.items():
        what = name.split()[1]
        if not isinstance(result, BaseException):
            assert (result.event, result.version) in ours
        elif not isinstance(result, Died):
            assert what == "back", "a promotion is made anew"
    assert len(ours) <= len(works), "nothing twice"
    assert not any(found.barred(version) for version in [champion] if version is not None)


_TURNS = st.lists(  # a writer mostly makes several calls in a row, and seldom dies
    st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(0, 12).map(bool)), max_size=30
).map(lambda turns: [(who, alive or call > 0) for who, calls, alive in turns for call in reversed(range(calls))])


_WORKS = st.lists(st.sampled_from(["3", "4", "5", "back"]), min_size=2, max_size=4).filter(
    lambda works: all(works.count(version) < 2 for version in "345")
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=_TURNS, works=_WORKS)
@pytest.mark.usefixtures("without_lock")
def test_however_writers_interleave_and_die_the_history_is_one_chain_and_the_alias_follows(
    schedule: list[tuple[int, bool]], works: list[str]
) -> None:
    client: Any = RegistryStandin()
    client.create_registered_model(MODEL)
    for number in range(6):
        client.create_model_version(MODEL, "somewhere")
        if number < 2:
            decided(client, MODEL, lambda mine, version=str(number + 1): mine.promote(version, reason="Better."))  # type: ignore[misc]
    _play(client, schedule, works)


@pytest.mark.usefixtures("without_lock")
def test_who_comes_late_and_dies_does_not_bring_back_what_was_rolled_back(
    client: MlflowClient, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote_by_hand(tracking, "1", reason="Better.")
    real = MlflowClient.set_registered_model_alias

    def late(self: MlflowClient, name: str, alias: str, version: str) -> None:
        monkeypatch.setattr(MlflowClient, "set_registered_model_alias", real)
        rollback(tracking, reason="It is slow.")  # by another process, while this one stands still
        assert version_at(client) == "1"
        real(self, name, alias, version)
        raise Died

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", late)
    with pytest.raises(Died):
        promote_by_hand(tracking, "2", reason="Better.")
    assert version_at(client) == "2", "for now"
    assert looked_at(client) == "1"
    assert read(client, MODEL).barred("2")
