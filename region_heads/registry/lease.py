"""One promotion and one retraining at a time: leases that their holders renew in MLflow's registry.

A lease is an entry of a log (:mod:`region_heads.registry.event_log`), so of several that take it one succeeds. Whoever
waits watches it by their own clock: as long as anything about it changes, its holder lives, wherever that is. Nothing
but work in vain is prevented by a lease: the history of promotions is right without one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from region_heads.errors import RegionHeadsError
from region_heads.registry.event_log import Entry, Log
from region_heads.registry.local_store import store_file
from region_heads.registry.tracking import PIPELINE_RUN, connect, in_words, tracking_uri
from region_heads.settings import TrackingParams

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEASE = 20.0
"""Seconds without a heartbeat after which a promotion counts as dead; a living one gives four in that time."""

SILENCE = 3600.0
"""The same for a retraining: its steps give signs of life while they work, but not while they wait for a machine."""

BEATS = 30.0
"""Seconds between two signs of life of a step."""

_HOLDER, _SIGN, _RELEASED = "holder", "sign_of_life", "released"


@dataclass(frozen=True)
class Held:
    """A lease that is held."""

    log: Log
    entry: Entry

    def check(self) -> None:
        """Raises where it is not held any more.

        Raises:
            RegionHeadsError: It was taken over: this process renewed no heartbeat for too long.
        """
        last = _last(self.log)
        if last is None or last.number != self.entry.number:
            raise RegionHeadsError(
                f"{self.log.name}: the lock was lost, this process did not renew it for more than {LEASE:g} s; "
                "run the step again"
            )


@contextlib.contextmanager
def promotion_lock(client: MlflowClient, model: str, *, patience: float = 60.0) -> Iterator[Held]:
    """Holds the promotion lock of ``model``; waits for it for at most ``patience`` seconds.

    Raises:
        RegionHeadsError: Another promotion, which is alive, holds it for longer than that.
    """
    log = Log(client, f"{model}.promotion-lock", "Region Heads: who moves the champion, one at a time.")
    until = time.monotonic() + patience

    def wait(other: Entry, _: bool) -> bool:
        if time.monotonic() > until:
            raise RegionHeadsError(
                f"{log.name}: another promotion holds it for more than {patience:g} s (process "
                f"{other.tags.get(_HOLDER)}, since {other.at}); run the step again when that one has ended"
            )
        return True

    entry = _take(log, f"{socket.gethostname()}/{os.getpid()}", lease=LEASE, wait=wait)
    assert entry is not None  # it waits, or raises
    stop = threading.Event()
    signs = threading.Thread(target=_give_signs, args=(lambda: (log, entry), LEASE / 4, stop), daemon=True)
    signs.start()
    try:
        yield Held(log, entry)
    finally:
        stop.set()
        signs.join()
        log.mark(entry, _RELEASED, "yes")


def take_for_run(client: MlflowClient, model: str, pipeline_run: str, *, lease: float = SILENCE) -> str | None:
    """Takes the lease under which one pipeline run retrains ``model``, for longer than a process lives.

    Where another run has it, a heartbeat is waited for, and without one for ``lease`` seconds it is taken over.

    Returns:
        None when ``pipeline_run`` has it, now or from an earlier try; else the run that has it, and lives.
    """
    log = _retraining(client, model)
    if _held_by(log, pipeline_run) is not None:
        return None
    found = ""

    def wait(other: Entry, alive: bool) -> bool:
        nonlocal found
        if found != other.tags[_HOLDER]:
            found = other.tags[_HOLDER]
            print(f"pipeline run {found} is retraining {model}; waiting for a heartbeat, at most {lease:g} s")
        return not alive

    return found if _take(log, pipeline_run, lease=lease, wait=wait) is None else None


def let_go_of_run(client: MlflowClient, model: str, pipeline_run: str) -> None:
    """Gives back what :func:`take_for_run` took; nothing happens where the run does not have it."""
    log = _retraining(client, model)
    held = _held_by(log, pipeline_run)
    if held is not None:
        log.mark(held, _RELEASED, "yes")


@contextlib.contextmanager
def retraining_renewed(tracking: TrackingParams, *, every: float = BEATS) -> Iterator[None]:
    """While a step works, renews the lease of the pipeline run that it belongs to, if that holds one.

    MLflow may be unreachable: the step goes on, and so do the signs when it is back.

    Raises:
        RegionHeadsError: The run gave no sign for so long that another has taken over.
    """
    run, stop = os.environ.get(PIPELINE_RUN, ""), threading.Event()

    def held() -> tuple[Log, Entry] | None:
        from mlflow import MlflowClient

        log = _retraining(MlflowClient(tracking_uri(tracking)), tracking.model_name)
        entries = log.read().entries
        mine = [entry for entry in entries if entry.tags.get(_HOLDER) == run and _RELEASED not in entry.tags]
        if mine and mine[-1] is not entries[-1]:
            raise RegionHeadsError(
                f"{log.name}: this run, {run}, renewed no heartbeat for more than {SILENCE:g} s, and run "
                f"{entries[-1].tags.get(_HOLDER)} has taken over; wait for its end"
            )
        return (log, mine[-1]) if mine else None

    try:
        client = connect(tracking, make=False) if run else None
    except RegionHeadsError:
        client = None  # unreachable, or not made yet
    if client is not None:
        with in_words(client):
            for found in filter(None, [held()]):
                _give_sign(*found)
    file = store_file(tracking_uri(tracking))
    if run and (file is None or file.is_file()):
        threading.Thread(target=_give_signs, args=(held, every, stop), daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _give_signs(held: Callable[[], tuple[Log, Entry] | None], every: float, stop: threading.Event) -> None:
    """Renews what ``held`` finds until ``stop``, or until it finds nothing."""
    while not stop.wait(every):
        with contextlib.suppress(
            Exception
        ):  # a store that is unreachable for a moment; a long absence is the waiter's to judge
            found = held()
            if found is None:
                return
            _give_sign(*found)


def _give_sign(log: Log, entry: Entry) -> None:
    log.mark(entry, _SIGN, uuid4().hex)


def _take(log: Log, holder: str, *, lease: float, wait: Callable[[Entry, bool], bool]) -> Entry | None:
    """A new lease on ``log``; None where ``wait`` says no, which gets who holds it and whether a sign was seen."""
    watched: tuple[int, str | None] | None = None
    since = time.monotonic()
    while True:
        seen = log.read()
        last = seen.entries[-1] if seen.entries else None
        sign = None if last is None else (last.number, last.tags.get(_SIGN))
        if last is None or _RELEASED in last.tags or (sign == watched and time.monotonic() - since > lease):
            taken = log.append({_HOLDER: holder}, seen.last)
            if taken is not None:
                return taken
            continue
        alive = watched is not None and sign != watched
        if not wait(last, alive):
            return None
        if sign != watched:
            watched, since = sign, time.monotonic()
        time.sleep(min(2.0, lease / 100))


def _last(log: Log) -> Entry | None:
    """The lease that is held, None where it was given back."""
    entries = log.read().entries
    return None if not entries or _RELEASED in entries[-1].tags else entries[-1]


def _held_by(log: Log, pipeline_run: str) -> Entry | None:
    last = _last(log)
    return last if last is not None and last.tags.get(_HOLDER) == pipeline_run else None


def _retraining(client: MlflowClient, model: str) -> Log:
    return Log(client, f"{model}.retraining-lock", "Region Heads: which pipeline run retrains, one at a time.")
