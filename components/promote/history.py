"""The champion's history: what happened to the alias, when and why, as tags of the registered model.

MLflow's aliases keep no history. Each event is a tag of its own, named by its time and content, so that two processes
that write at the same moment both leave theirs. A move is first written down as pending, and the alias is
what decides whether it took place: a process that dies on the way leaves nothing that the next one cannot put right.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.champion import version_of
from region_heads.errors import RegionHeadsError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PENDING = "promotion.pending"
_HISTORY = "history."
_LONGEST_REASON = 2000
"""Characters; MLflow holds 5,000 in a tag, and a sentence is never as long."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One move of the champion alias, or something that did not move it.

    Attributes:
        at: Time, ISO 8601 in UTC.
        event: ``promoted``, ``refused``, ``rolled back``, ``promoted by hand``, ``interrupted`` (the process died
            before the alias moved) or ``moved elsewhere`` (by another program than this one).
        version: The version that it is about; after a rollback, the one that is champion again.
        previous: The champion before, None when there was none.
        reason: A sentence.
    """

    at: str
    event: str
    version: str
    previous: str | None
    reason: str

    @property
    def moved(self) -> bool:
        """Whether ``version`` was champion after it."""
        return self.event not in ("refused", "interrupted")


def now(event: str, version: str, *, previous: str | None, reason: str) -> Event:
    """An event of this moment.

    Raises:
        RegionHeadsError: The reason is too long for a tag.
    """
    if len(reason) > _LONGEST_REASON:
        raise RegionHeadsError(
            f"reason: expected at most {_LONGEST_REASON} characters, found {len(reason)}; say it shorter"
        )
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    return Event(at=at, event=event, version=version, previous=previous, reason=reason)


def events(client: MlflowClient, name: str) -> list[Event]:
    """All events of the model ``name``, oldest first; a move that its process did not live to note is among them."""
    tags = _tags(client, name)
    read = {key: _read(tags[key]) for key in sorted(tags) if key.startswith(_HISTORY)}
    foreign = [key for key, event in read.items() if event is None]
    if foreign:
        print(f"model {name!r}: ignored, as no event of this history: tag {', '.join(foreign)}", file=sys.stderr)
    found = [event for event in read.values() if event is not None]
    open_move = _read(tags.get(PENDING))
    if open_move is not None and open_move not in found and _took_place(client, name, open_move):
        found.append(open_move)
    return found


def write(client: MlflowClient, name: str, happened: Event) -> None:
    """Adds an event. Its tag is named by its time and content: written twice, it stands there once."""
    text = _text(happened)
    time = happened.at.replace("+00:00", "Z").replace(":", "-")
    key = f"{_HISTORY}{time}.{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    client.set_registered_model_tag(name, key, text)


def announce(client: MlflowClient, name: str, move: Event) -> None:
    """Writes down a move that is about to be made."""
    client.set_registered_model_tag(name, PENDING, _text(move))


def announced(client: MlflowClient, name: str) -> tuple[Event, bool] | None:
    """The move that was announced and not yet closed, and whether it took place."""
    move = _read(_tags(client, name).get(PENDING))
    return None if move is None else (move, _took_place(client, name, move))


def close(client: MlflowClient, name: str) -> None:
    """Takes the announcement away, once all that follows from the move is written."""
    client.delete_registered_model_tag(name, PENDING)


def champion_before(found: list[Event], version: str) -> str | None:
    """The champion that ``version`` took over from when it was promoted last."""
    for past in reversed(found):
        if past.version == version and past.moved and past.event != "rolled back":
            return past.previous
    return None


def _took_place(client: MlflowClient, name: str, move: Event) -> bool:
    champion = version_of(client, name)
    return champion is not None and str(champion.version) == move.version


def _tags(client: MlflowClient, name: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_registered_model(name).tags)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}


def _read(text: str | None) -> Event | None:
    """The event that a tag holds; None where it holds none, such as a person's note."""
    try:
        content = json.loads(text or "null")
        event = Event(**content)
    except (ValueError, TypeError):
        return None
    texts = (event.at, event.event, event.version, event.reason)
    sound = all(isinstance(part, str) for part in texts) and isinstance(event.previous, str | None)
    return event if sound else None


def _text(happened: Event) -> str:
    return json.dumps(asdict(happened), ensure_ascii=False)
