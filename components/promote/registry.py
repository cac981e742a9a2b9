"""The registry's aliases and their history: promote, roll back, and tell what happened when.

MLflow's aliases keep no history, so every move is written as a tag ``history.00001`` … of the registered model.
Tags are written before or after an alias in such an order that a killed step can be run again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from components.champion import CHALLENGER, CHAMPION, PREVIOUS, version_of
from components.sections import TrackingParams
from components.tracking import connect
from region_heads.errors import RegionHeadsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

ROLLED_BACK_TAG = "rolled_back_at"
_HISTORY = "history."


@dataclass(frozen=True, kw_only=True)
class Event:
    """One move of the champion alias, or a refusal of the gate.

    Attributes:
        at: Time, ISO 8601 in UTC.
        event: ``promoted``, ``refused``, ``rolled back`` or ``promoted by hand``.
        version: The version that it is about; after a rollback, the one that is champion again.
        previous: The champion before, None when there was none.
        reason: A sentence.
    """

    at: str
    event: str
    version: str
    previous: str | None
    reason: str


def history(tracking: TrackingParams) -> list[Event]:
    """All events, oldest first; empty when nothing is registered.

    Raises:
        RegionHeadsError: MLflow cannot be reached.
    """
    return _events(connect(tracking), tracking.model_name)


def promote_by_hand(tracking: TrackingParams, version: str, *, reason: str) -> Event:
    """Makes ``version`` champion without the gate; ``reason`` goes into the history.

    Raises:
        RegionHeadsError: No such version, it is champion already, or the reason is empty.
    """
    if not reason.strip():
        raise RegionHeadsError("a promotion by hand needs a reason; it is written into the history")
    client = connect(tracking)
    return move_champion(client, tracking.model_name, version, event="promoted by hand", reason=reason)


def rollback(tracking: TrackingParams, *, reason: str = "Rolled back by hand.") -> Event:
    """Makes the previous champion champion again; the gate will not promote the present one a second time.

    A second rollback goes one champion further back.

    Raises:
        RegionHeadsError: There is no champion, or none before it.
    """
    client = connect(tracking)
    name = tracking.model_name
    present, previous = version_of(client, name), version_of(client, name, PREVIOUS)
    if present is None:
        raise RegionHeadsError(f"model {name!r} has no champion to roll back")
    if previous is None:
        raise RegionHeadsError(
            f"model {name!r}: version {present.version} is the first champion; there is none to go back to"
        )
    present_version, target = str(present.version), str(previous.version)
    client.set_model_version_tag(name, present_version, ROLLED_BACK_TAG, _now())
    client.set_registered_model_alias(name, CHAMPION, target)
    event = Event(at=_now(), event="rolled back", version=target, previous=present_version, reason=reason)
    _write(client, name, event)
    before = _before(_events(client, name), target)
    if before is not None and _exists(client, name, before):
        client.set_registered_model_alias(name, PREVIOUS, before)
    else:
        client.delete_registered_model_alias(name, PREVIOUS)
    return event


def move_champion(client: MlflowClient, name: str, version: str, *, event: str, reason: str) -> Event:
    """Moves the alias to ``version``, keeps the one before as ``previous_champion``, writes it down.

    Raises:
        RegionHeadsError: No such version, or it is champion already.
    """
    if not _exists(client, name, version):
        raise RegionHeadsError(f"model {name!r} has no version {version}; see: region-heads registry history")
    present = version_of(client, name)
    previous = None if present is None else str(present.version)
    if previous == version:
        raise RegionHeadsError(f"model {name!r}: version {version} is champion already")
    if previous is not None:
        client.set_registered_model_alias(name, PREVIOUS, previous)
    client.set_registered_model_alias(name, CHAMPION, version)
    challenger = version_of(client, name, CHALLENGER)
    if challenger is not None and str(challenger.version) == version:
        client.delete_registered_model_alias(name, CHALLENGER)
    moved = Event(at=_now(), event=event, version=version, previous=previous, reason=reason)
    _write(client, name, moved)
    return moved


def champion_before(client: MlflowClient, name: str, version: str) -> str | None:
    """The champion that ``version``, champion now, took over from.

    A step that was killed between the alias and its history is made good here.
    """
    events = _events(client, name)
    if not any(event.version == version and event.event != "refused" for event in events):
        former = version_of(client, name, PREVIOUS)
        previous = None if former is None else str(former.version)
        reason = "Promoted by a run that was stopped before it could write down why."
        _write(client, name, Event(at=_now(), event="promoted", version=version, previous=previous, reason=reason))
        return previous
    return _before(events, version)


def write_refusal(client: MlflowClient, name: str, version: str, *, champion: str | None, reason: str) -> None:
    """Writes a refusal of the gate into the history, unless it is the last thing that stands there."""
    refused = Event(at=_now(), event="refused", version=version, previous=champion, reason=reason)
    events = _events(client, name)
    if not events or asdict(events[-1]) | {"at": ""} != asdict(refused) | {"at": ""}:
        _write(client, name, refused)


def tag_verdict(client: MlflowClient, name: str, version: str, verdict: Mapping[str, Any]) -> None:
    """Writes the gate's report onto the version: ``gate``, ``gate_sentence``, ``gate_report`` (JSON)."""
    report = [{key: check[key] for key in ("name", "passed", "value", "threshold")} for check in verdict["checks"]]
    tags = {
        "gate": "passed" if verdict["promoted"] else "refused",
        "gate_sentence": verdict["sentence"],
        # Older servers hold 5,000 characters in a tag; the whole report is in promotion.json.
        "gate_report": json.dumps(report, ensure_ascii=False)[:4900],
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)


def get_version(client: MlflowClient, name: str, version: str) -> ModelVersion | None:
    """The version, None when there is no such one."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(name, version)
    except MlflowException:
        return None


def _exists(client: MlflowClient, name: str, version: str) -> bool:
    return get_version(client, name, version) is not None


def _events(client: MlflowClient, name: str) -> list[Event]:
    from mlflow.exceptions import MlflowException

    try:
        tags = client.get_registered_model(name).tags
    except MlflowException:
        return []
    return [Event(**json.loads(tags[key])) for key in sorted(tags) if key.startswith(_HISTORY)]


def _write(client: MlflowClient, name: str, event: Event) -> None:
    number = len(_events(client, name)) + 1
    text = json.dumps(asdict(event), ensure_ascii=False)
    client.set_registered_model_tag(name, f"{_HISTORY}{number:05d}", text)


def _before(events: list[Event], version: str) -> str | None:
    """The champion that ``version`` took over from when it was promoted last."""
    for event in reversed(events):
        if event.version == version and event.event.startswith("promoted"):
            return event.previous
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
