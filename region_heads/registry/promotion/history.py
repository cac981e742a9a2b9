"""The champion's history: what happened to it, when and why, in the order in which MLflow's registry took it down.

It is a log (:mod:`region_heads.registry.event_log`) named ``<model>.promotions``: who is champion, who was before and
which versions were rolled back follow from it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from region_heads.errors import RegionHeadsError
from region_heads.registry.champion import version_of
from region_heads.registry.event_log import Entry, Log, Seen, insist
from region_heads.registry.tracking import if_there

if TYPE_CHECKING:
    from mlflow import MlflowClient

CLOSED, SETTLED = "closed", "settled"
"""Marks of an entry: its own writer has moved the alias and looked after it; the alias was seen there."""

_LOG = "promotions.log"
"""Tag of the registered model with the name of its log: a model made anew under an old name has none."""

_ABOUT = (
    "Region Heads: what happened to the champion of {name}. Each version is an entry of a log and no model; where one "
    "is deleted, promotions stop until a person names the champion."
)
_LONGEST_REASON = 2000  # characters; MLflow holds 5,000 in a tag, and a sentence is never as long

BY_HAND = "promoted by hand"
_NO_MOVE = ("refused", "under way")
_RETURNS = ("rolled back", "completed")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One move of the champion alias, or something that did not move it.

    Attributes:
        at: The store's time, ISO 8601 in UTC; for people, nothing is ordered by it.
        event: ``promoted``, ``refused``, ``rolled back``, ``promoted by hand``, ``moved elsewhere`` (the alias, by
            another program than this one), ``completed`` (the alias was brought to where the history had it) or
            ``under way`` (the alias has not followed yet).
        version: The version that it is about; after a rollback, the one that is champion again.
        previous: The champion before, None when there was none.
        reason: A sentence.
        number: Its place in the store's order.
    """

    at: str = ""
    event: str
    version: str
    previous: str | None
    reason: str
    number: int = 0

    @property
    def moved(self) -> bool:
        """Whether ``version`` was champion after it."""
        return self.event not in _NO_MOVE


@dataclass(frozen=True)
class History:
    """The history as it was read.

    Attributes:
        log: Where it stands.
        seen: What was read there.
        events: All events, oldest first.
        broken: What is wrong with it, None where nothing is: then nothing but a person's word moves the champion.
        notes: What else is worth telling.
    """

    log: Log
    seen: Seen
    events: list[Event]
    broken: str | None
    notes: list[str]

    @property
    def champion(self) -> str | None:
        """The champion by the history, wherever the alias is."""
        return next((past.version for past in reversed(self.events) if past.moved), None)

    def before(self, version: str) -> str | None:
        """The champion that ``version`` took over from when it was promoted last."""
        for past in reversed(self.events):
            if past.version == version and past.moved and past.event not in _RETURNS:
                return past.previous
        return None

    def barred(self, version: str) -> bool:
        """Whether ``version`` was rolled back, and not brought back since."""
        for past in reversed(self.events):
            if past.event == "rolled back" and past.previous == version:
                return True
            if past.moved and past.version == version:
                return False
        return False

    @property
    def moves(self) -> list[Entry]:
        """The entries of the log that moved the champion."""
        return [entry for entry in self.seen.entries if (event := _event(entry)) is not None and event.moved]

    def append(self, event: Event) -> Entry | None:
        """Adds an event that was decided on this history; None where it has gone on since.

        Raises:
            RegionHeadsError: The reason is too long for a tag.
        """
        if len(event.reason) > _LONGEST_REASON:
            raise RegionHeadsError(
                f"reason: expected at most {_LONGEST_REASON} characters, found {len(event.reason)}; shorten it"
            )
        tags = {"event": event.event, "version": event.version, "reason": event.reason}
        return self.log.append(tags if event.previous is None else {**tags, "previous": event.previous}, self.seen.last)


def read(client: MlflowClient, name: str, *, make: bool = False) -> History:
    """The history of the model ``name``.

    Args:
        make: Whether a log is begun where there is none.
    """
    tags = _tags(client, name)
    log = Log(client, tags.get(_LOG, f"{name}.promotions"), _ABOUT.format(name=name))
    seen = log.read()
    if _LOG not in tags and seen.entries and _LOG not in (tags := _tags(client, name)):  # none has just begun it
        raise RegionHeadsError(
            f"{log.name} is the log of another model of this name; rename or delete it in MLflow, or set the tag "
            f"{_LOG} of {name!r} to its name if it is of this one"
        )
    events = [event for entry in seen.entries if (event := _event(entry)) is not None]
    foreign = [f"{log.name}/{entry.number}" for entry in seen.entries if _event(entry) is None]
    notes = [f"model {name!r}: ignored, as no event of this history: {', '.join(foreign)}"] if foreign else []
    broken = None
    if _LOG in tags and not seen.last and not log.exists():
        broken = f"its log {log.name} was deleted; {_REMEDY}"
    healed = max((entry.number for entry in seen.entries if entry.tags.get("event") == BY_HAND), default=0)
    missing = [str(number) for number in seen.missing if number > healed]
    if missing:
        broken = f"entries of its log {log.name} were deleted: {', '.join(missing)}; {_REMEDY}"
    if make and _LOG not in tags:
        log.make()
        insist(lambda: client.set_registered_model_tag(name, _LOG, log.name))
    return History(log, seen, events, broken, notes)


_REMEDY = "name the champion: region-heads registry promote VERSION --reason …"


def shown(client: MlflowClient, name: str) -> History:
    """The history for people: a last move that the alias has not followed is ``under way``."""
    found = read(client, name)
    moves = found.moves
    if moves and not moves[-1].tags.keys() & {CLOSED, SETTLED}:
        champion = version_of(client, name)
        if champion is None or str(champion.version) != found.champion:
            events = [
                replace(one, event="under way") if one.number == moves[-1].number else one for one in found.events
            ]
            return replace(found, events=events)
    return found


def _event(entry: Entry) -> Event | None:
    tags = entry.tags
    if not tags.get("event") or not tags.get("version"):
        return None
    return Event(
        at=entry.at, event=tags["event"], version=tags["version"], previous=tags.get("previous"),
        reason=tags.get("reason", ""), number=entry.number,
    )  # fmt: skip


def _tags(client: MlflowClient, name: str) -> dict[str, str]:
    found = if_there(lambda: client.get_registered_model(name))
    return {} if found is None else dict(found.tags)
