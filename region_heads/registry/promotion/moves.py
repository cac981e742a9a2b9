"""The champion: promote, roll back, refuse, each as an event of the history, which the aliases follow."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import CHALLENGER, CHAMPION, PREVIOUS, version_of
from region_heads.registry.event_log import Entry, insist
from region_heads.registry.lease import promotion_lock
from region_heads.registry.promotion.history import BY_HAND, CLOSED, SETTLED, Event, History, read, shown
from region_heads.registry.promotion.wording import called
from region_heads.registry.tracking import connect, equals, if_there, in_words
from region_heads.settings import TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_T = TypeVar("_T")
_TRIES = 100


class OvertakenError(Exception):
    """The history has gone on since a decision was made; it is void, and nothing was changed."""


@dataclass(frozen=True)
class Registry:
    """A registered model and its history, as a decision was made on them; only what rests on these is written."""

    client: MlflowClient
    name: str
    history: History
    champion: str | None
    """The version that carries the alias; None also where the history knows one and the alias is missing."""

    def promote(self, version: str, *, event: str = "promoted", reason: str) -> Event:
        """Makes ``version`` champion.

        Raises:
            RegionHeadsError: No such version, or it is champion already.
            OvertakenError: The history has gone on.
        """
        if get_version(self.client, self.name, version) is None:
            raise RegionHeadsError(f"model {self.name!r} has no version {version}; see: region-heads registry history")
        if self.champion == version and not self.history.broken:
            raise RegionHeadsError(f"model {self.name!r}: version {version} is champion already")
        before = self.history.champion
        if before == version:  # it was champion, and lost its alias
            before = self.history.before(version)
        return self._move(Event(event=event, version=version, previous=before, reason=reason))

    def roll_back(self, *, reason: str) -> Event:
        """Makes the champion before the present one champion again; where the alias is missing, the history's.

        Raises:
            RegionHeadsError: There is no champion, or none before it.
            OvertakenError: The history has gone on.
        """
        present = self.history.champion
        if present is None:
            raise RegionHeadsError(f"model {self.name!r} has no champion to roll back")
        target = self.history.before(present)
        if target is None:
            raise RegionHeadsError(
                f"model {self.name!r}: version {present} is the first champion; there is none to go back to"
            )
        if get_version(self.client, self.name, target) is None:
            raise RegionHeadsError(
                f"model {self.name!r}: version {target}, champion before {present}, was deleted; name another one: "
                "region-heads registry promote VERSION --reason …"
            )
        return self._move(Event(event="rolled back", version=target, previous=present, reason=reason))

    def refuse(self, version: str, *, reason: str) -> None:
        """Notes that the gate refused ``version``, unless that is the last thing that stands there.

        Raises:
            OvertakenError: The history has gone on.
        """
        refused = Event(event="refused", version=version, previous=self.champion, reason=reason)
        last = [replace(event, at="", number=0) for event in self.history.events[-1:]]
        if last != [refused] and self.history.append(refused) is None:
            raise OvertakenError

    def _move(self, event: Event) -> Event:
        """The history first: from then on everybody who finds the alias elsewhere brings it to where it belongs."""
        entry = self.history.append(event)
        if entry is None:
            raise OvertakenError
        insist(partial(self.client.set_registered_model_alias, self.name, CHAMPION, event.version))
        _settled(self.client, self.name)  # others may have gone on before the alias moved
        self.history.log.mark(entry, CLOSED, "yes")
        return replace(event, number=entry.number, at=entry.at)


def decided(client: MlflowClient, name: str, decide: Callable[[Registry], _T], *, by_hand: bool = False) -> _T:
    """What ``decide`` makes of the registered model ``name``, asked again where the history goes on meanwhile.

    Args:
        by_hand: Whether it is a person's word, which also counts where the history is broken.

    Raises:
        RegionHeadsError: The history is broken, another promotion does not end, or MLflow fails on the way.
    """
    with in_words(client), promotion_lock(client, name):
        for _ in range(_TRIES):
            found = _settled(client, name, by_hand=by_hand)
            try:
                return decide(found)
            except OvertakenError:
                continue
    raise RegionHeadsError(f"model {name!r}: other processes keep moving its champion; nothing was changed, try again")


def history(tracking: TrackingParams) -> list[Event]:
    """All events, oldest first; empty when nothing is registered. What is wrong with them goes to standard error.

    Raises:
        RegionHeadsError: MLflow cannot be reached.
    """
    client = connect(tracking, make=False)
    with in_words(client):
        found = shown(client, tracking.model_name)
    for note in [*found.notes, *([f"model {tracking.model_name!r}: {found.broken}"] if found.broken else [])]:
        print(note, file=sys.stderr)
    return found.events


def promote_by_hand(tracking: TrackingParams, version: str, *, reason: str) -> Event:
    """Makes ``version`` champion without the gate; ``reason`` goes into the history.

    Raises:
        RegionHeadsError: No such version, it is champion already, or the reason is empty.
    """
    client, name = _for_moving(tracking, reason), tracking.model_name
    return decided(client, name, lambda mine: mine.promote(version, event=BY_HAND, reason=reason), by_hand=True)


def rollback(tracking: TrackingParams, *, reason: str) -> Event:
    """Makes the previous champion champion again; the gate will not promote the present one a second time.

    A second rollback goes one champion further back; of two at the same time one is refused.

    Raises:
        RegionHeadsError: There is no champion, or none before it, it was replaced meanwhile, or the reason is empty.
    """
    client, name = _for_moving(tracking, reason), tracking.model_name
    with in_words(client):
        meant = _settled(client, name).history.champion

    def back(mine: Registry) -> Event:
        if mine.history.champion != meant:
            raise RegionHeadsError(
                f"model {name!r}: meanwhile version {mine.history.champion} has become champion in the place of "
                f"{meant}; nothing was changed; see: region-heads registry history"
            )
        return mine.roll_back(reason=reason)

    return decided(client, name, back)


def get_version(client: MlflowClient, name: str, version: str) -> ModelVersion | None:
    """The version, None when there is no such one."""
    return if_there(lambda: client.get_model_version(name, version))


def _settled(client: MlflowClient, name: str, *, by_hand: bool = False) -> Registry:
    """The registry, after its aliases have followed the history, or the history the alias of another program.

    A writer that sets the alias has an entry in the history, and closes it after another look at the alias. So where
    the alias stands elsewhere, and an entry that is not closed explains it, its writer ended on the way or was late. No
    other writer closes it: its own may only be slow.
    """
    owed: list[Entry] = []
    while True:
        found = read(client, name, make=True)
        carrier = version_of(client, name)
        champion, want = None if carrier is None else str(carrier.version), found.champion
        if found.broken is not None:
            if by_hand:
                return Registry(client, name, found, champion)
            raise RegionHeadsError(f"model {name!r}: {found.broken}")
        last = found.moves[-1] if found.moves else None
        settled = last is None or bool(last.tags.keys() & {CLOSED, SETTLED})
        there = want is not None and get_version(client, name, want) is not None
        if champion == want or (champion is None and (settled or not there)):
            if champion is not None:
                _follow(client, name, champion, found)
                for entry in [] if settled or last is None else [last]:
                    found.log.mark(entry, SETTLED, "yes")
            for entry in owed:
                found.log.mark(entry, CLOSED, "yes")
            return Registry(client, name, found, champion)
        waited = last is not None and not settled and champion in (None, last.tags.get("previous"))
        moved = _explained(client, name, found, champion, wanted=there, waited=waited)
        owed += [] if moved is None else [moved]


def _explained(
    client: MlflowClient, name: str, found: History, champion: str | None, *, wanted: bool, waited: bool
) -> Entry | None:
    """The entry that says why the alias stood elsewhere than the history; None where another one came first.

    Args:
        wanted: Whether the version that the history names is there.
        waited: Whether the last move still waits for its alias.
    """
    want = found.champion
    late = any(CLOSED not in entry.tags and entry.tags["version"] == champion for entry in found.moves)
    if want is not None and wanted and (late or waited):
        reason = (
            f"The alias stood at {called(champion)}, where a move that did not end had left it; for that version after "
            "all: region-heads registry promote"
        )
        completed = found.append(Event(event="completed", version=want, previous=champion, reason=reason))
        if completed is not None:
            insist(partial(client.set_registered_model_alias, name, CHAMPION, want))
        return completed
    if champion is None:
        return None
    reason = "The alias was moved by another program than this one."
    return found.append(Event(event="moved elsewhere", version=champion, previous=want, reason=reason))


def _follow(client: MlflowClient, name: str, champion: str, found: History) -> None:
    """Brings the other aliases to where they belong."""
    aliases = {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}
    before = found.before(champion)
    if before is not None and get_version(client, name, before) is None:
        before = None
    if before is not None and aliases.get(PREVIOUS) != before:
        insist(partial(client.set_registered_model_alias, name, PREVIOUS, before))
    elif before is None and PREVIOUS in aliases:
        insist(partial(client.delete_registered_model_alias, name, PREVIOUS))
    if aliases.get(CHALLENGER) == champion:
        insist(partial(client.delete_registered_model_alias, name, CHALLENGER))


def _for_moving(tracking: TrackingParams, reason: str) -> MlflowClient:
    """A client, for a person who moves the champion and says why."""
    if not reason.strip():
        raise RegionHeadsError("moving the champion by hand needs a reason, which the history records")
    client = connect(tracking, make=False)
    with in_words(client):
        known = client.search_registered_models(equals("name", tracking.model_name))
    if not any(model.name == tracking.model_name for model in known):
        raise RegionHeadsError(
            f"model {tracking.model_name!r} is not registered, so it has no champion; `make run` registers a version"
        )
    return client
