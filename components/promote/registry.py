"""The champion's alias: promote, roll back, refuse, each under the promotion lock and with its place in the history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.champion import CHALLENGER, CHAMPION, PREVIOUS, version_of
from components.promote.history import Event, announce, announced, champion_before, close, events, now, write
from components.registry_lock import Held, promotion_lock
from components.sections import TrackingParams
from components.tracking import connect, in_words
from region_heads.errors import RegionHeadsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ROLLED_BACK_TAG = "rolled_back_at"


@dataclass(frozen=True)
class Registry:
    """A registered model whose champion nobody else can move as long as this object is in use."""

    client: MlflowClient
    name: str
    lock: Held

    @property
    def champion(self) -> str | None:
        """The champion's version."""
        return _champion(self.client, self.name)

    @property
    def last(self) -> str | None:
        """The champion by the history, wherever the alias is."""
        moves = [past.version for past in events(self.client, self.name) if past.moved]
        return moves[-1] if moves else None

    def previous(self, version: str) -> str | None:
        """The champion that ``version`` took over from."""
        return champion_before(events(self.client, self.name), version)

    def promote(self, version: str, *, event: str = "promoted", reason: str) -> Event:
        """Makes ``version`` champion.

        Raises:
            RegionHeadsError: No such version, or it is champion already.
        """
        if get_version(self.client, self.name, version) is None:
            raise RegionHeadsError(f"model {self.name!r} has no version {version}; see: region-heads registry history")
        present = self.champion
        if present == version:
            raise RegionHeadsError(f"model {self.name!r}: version {version} is champion already")
        return self._move(now(event, version, previous=present, reason=reason))

    def roll_back(self, *, reason: str) -> Event:
        """Makes the champion before the present one champion again.

        Raises:
            RegionHeadsError: There is no champion, or none before it.
        """
        present = self.champion
        if present is None:
            raise RegionHeadsError(f"model {self.name!r} has no champion to roll back")
        target = self.previous(present)
        if target is None:
            raise RegionHeadsError(
                f"model {self.name!r}: version {present} is the first champion; there is none to go back to"
            )
        if get_version(self.client, self.name, target) is None:
            raise RegionHeadsError(
                f"model {self.name!r}: version {target}, champion before {present}, was deleted; name another one: "
                "region-heads registry promote VERSION --reason …"
            )
        return self._move(now("rolled back", target, previous=present, reason=reason))

    def refuse(self, version: str, *, reason: str) -> None:
        """Writes down that the gate refused ``version``, unless that is the last thing that stands there."""
        refused = now("refused", version, previous=self.champion, reason=reason)
        found = events(self.client, self.name)
        same = ("event", "version", "previous", "reason")
        if not found or any(getattr(found[-1], key) != getattr(refused, key) for key in same):
            write(self.client, self.name, refused)

    def _move(self, move: Event) -> Event:
        """The order matters: until the alias is set, everything is as it was; afterwards all can be made good."""
        announce(self.client, self.name, move)
        self.lock.check()
        self.client.set_registered_model_alias(self.name, CHAMPION, move.version)
        self._settle(move)
        return move

    def _settle(self, move: Event) -> None:
        """What follows from a move that took place; may be done again."""
        write(self.client, self.name, move)
        if move.event == "rolled back" and move.previous is not None:
            self.client.set_model_version_tag(self.name, move.previous, ROLLED_BACK_TAG, move.at)
        version = get_version(self.client, self.name, move.version)
        if version is not None and ROLLED_BACK_TAG in version.tags:  # a person has brought it back
            self.client.delete_model_version_tag(self.name, move.version, ROLLED_BACK_TAG)
        before = self.previous(move.version)
        if before is not None and get_version(self.client, self.name, before) is not None:
            self.client.set_registered_model_alias(self.name, PREVIOUS, before)
        elif version_of(self.client, self.name, PREVIOUS) is not None:
            self.client.delete_registered_model_alias(self.name, PREVIOUS)
        challenger = version_of(self.client, self.name, CHALLENGER)
        if challenger is not None and str(challenger.version) == move.version:
            self.client.delete_registered_model_alias(self.name, CHALLENGER)
        close(self.client, self.name)

    def make_good(self) -> None:
        """Brings the history up to what the alias says, after a process that died or a program that is not ours."""
        left = announced(self.client, self.name)
        if left is not None:
            move, took_place = left
            if took_place:
                self._settle(move)
            else:
                reason = f"The process died before the alias moved. It had meant to say: {move.reason}"
                write(
                    self.client,
                    self.name,
                    now("interrupted", move.version, previous=self.champion, reason=reason[:1000]),
                )
                close(self.client, self.name)
        moves = [past for past in events(self.client, self.name) if past.moved]
        known, present = (moves[-1].version if moves else None), self.champion
        if present is not None and present != known:
            reason = "The alias was moved by another program than this one."
            write(self.client, self.name, now("moved elsewhere", present, previous=known, reason=reason))


@contextlib.contextmanager
def registry(client: MlflowClient, name: str) -> Iterator[Registry]:
    """The registered model ``name``, for this process alone.

    Raises:
        RegionHeadsError: Another promotion goes on for too long, or MLflow fails on the way.
    """
    with in_words(client), promotion_lock(client, name) as lock:
        mine = Registry(client, name, lock)
        mine.make_good()
        yield mine


def history(tracking: TrackingParams) -> list[Event]:
    """All events, oldest first; empty when nothing is registered.

    Raises:
        RegionHeadsError: MLflow cannot be reached.
    """
    client = connect(tracking, make=False)
    with in_words(client):
        return events(client, tracking.model_name)


def promote_by_hand(tracking: TrackingParams, version: str, *, reason: str) -> Event:
    """Makes ``version`` champion without the gate; ``reason`` goes into the history.

    Raises:
        RegionHeadsError: No such version, it is champion already, or the reason is empty.
    """
    return _by_hand(tracking, reason, lambda mine: mine.promote(version, event="promoted by hand", reason=reason))


def rollback(tracking: TrackingParams, *, reason: str) -> Event:
    """Makes the previous champion champion again; the gate will not promote the present one a second time.

    A second rollback goes one champion further back.

    Raises:
        RegionHeadsError: There is no champion, or none before it, or the reason is empty.
    """
    return _by_hand(tracking, reason, lambda mine: mine.roll_back(reason=reason))


def get_version(client: MlflowClient, name: str, version: str) -> ModelVersion | None:
    """The version, None when there is no such one."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _by_hand(tracking: TrackingParams, reason: str, move: Callable[[Registry], Event]) -> Event:
    if not reason.strip():
        raise RegionHeadsError("moving the champion by hand needs a reason; it is written into the history")
    client = connect(tracking, make=False)
    if not _is_registered(client, tracking.model_name):
        raise RegionHeadsError(
            f"model {tracking.model_name!r} is not registered, so it has no champion; `make run` registers a version"
        )
    with registry(client, tracking.model_name) as mine:
        return move(mine)


def _is_registered(client: MlflowClient, name: str) -> bool:
    from mlflow.exceptions import MlflowException

    with in_words(client):
        try:
            client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False
    return True


def _champion(client: MlflowClient, name: str) -> str | None:
    found = version_of(client, name)
    return None if found is None else str(found.version)
