"""One promotion and one retraining at a time, on every store of MLflow: locks made of what its registry does at once.

MLflow has no compare-and-swap for aliases, but a model's name is unique: of several that create one of the same name,
one succeeds. So the lock is a registered model beside the real one, there only while somebody holds it. What a killed
holder left is taken away by renaming it to a name made from its own token: of several that try, one succeeds, and none
can take away the lock that another has made since.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from region_heads.errors import RegionHeadsError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

LEASE = 300.0
"""Seconds after which a lock counts as left behind; a promotion takes a second or two."""


@dataclass(frozen=True)
class Held:
    """A lock that is held; ``token`` tells it from any other of the same name."""

    client: MlflowClient
    name: str
    token: str

    def check(self) -> None:
        """Called just before the move that the lock protects.

        Raises:
            RegionHeadsError: The lock was taken away: this process was stopped for longer than its lease.
        """
        found = _found(self.client, self.name)
        if found is None or found.tags.get("token") != self.token:
            raise RegionHeadsError(
                f"{self.name}: the promotion lock was lost, this process stood still for more than {LEASE:.0f} s; "
                "nothing was changed; run the step again"
            )


@contextlib.contextmanager
def promotion_lock(client: MlflowClient, model: str, *, patience: float = 60.0, lease: float = LEASE) -> Iterator[Held]:
    """Holds the promotion lock of ``model``; waits for it for at most ``patience`` seconds.

    Raises:
        RegionHeadsError: Another promotion holds it for longer than that.
    """
    held = Held(client, f"{model}.promotion-lock", uuid4().hex)
    deadline = time.monotonic() + patience
    tags = {"token": held.token, "process": f"{socket.gethostname()}/{os.getpid()}"}
    while not _take(held, tags, "Held while a champion is promoted or rolled back."):
        other = _found(client, held.name)
        if other is None:
            continue
        if _left_behind(other, lease):
            _take_away(client, other)
        elif time.monotonic() > deadline:
            raise RegionHeadsError(
                f"{held.name}: another promotion has held it since {_age(other):.0f} s (process "
                f"{other.tags.get('process', 'unknown')}); run the step again when that one has ended"
            )
        else:
            time.sleep(0.2)
    try:
        yield held
    finally:
        _release(held)


def take_for_run(client: MlflowClient, model: str, pipeline_run: str, *, lease: float) -> str | None:
    """Takes the lock under which one pipeline run retrains ``model``, for longer than a process lives.

    Args:
        lease: Seconds after which a run counts as gone without having let go: longer than any run may take.

    Returns:
        None when ``pipeline_run`` has it, now or from an earlier try; else the run that has it.
    """
    held = Held(client, _retraining(model), pipeline_run)
    tags = {"token": pipeline_run}
    while not _take(held, tags, "Held while a pipeline run retrains."):
        other = _found(client, held.name)
        if other is None:
            continue
        if other.tags.get("token") == pipeline_run:
            return None
        if _age(other) <= lease:
            return str(other.tags.get("token", "unknown"))
        _take_away(client, other)
    return None


def let_go_of_run(client: MlflowClient, model: str, pipeline_run: str) -> None:
    """Gives back what :func:`take_for_run` took; nothing happens where the run does not have it."""
    _release(Held(client, _retraining(model), pipeline_run))


def _retraining(model: str) -> str:
    return f"{model}.retraining-lock"


def _take(held: Held, tags: dict[str, str], about: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        held.client.create_registered_model(held.name, tags, about)
    except MlflowException as error:
        # The store looks at the model that is in the way to say so, and does not find it where its holder has just let
        # it go.
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST"):
            raise
        return False
    return True


def _release(held: Held) -> None:
    found = _found(held.client, held.name)
    if found is not None and found.tags.get("token") == held.token:
        _delete(held.client, held.name)


def _take_away(client: MlflowClient, other: RegisteredModel) -> None:
    from mlflow.exceptions import MlflowException

    grave = f"{other.name}.{other.tags.get('token', 'unknown')}"
    try:
        client.rename_registered_model(other.name, grave)
    except MlflowException:
        return  # another was faster
    _delete(client, grave)


def _delete(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _left_behind(other: RegisteredModel, lease: float) -> bool:
    if _age(other) > lease:
        return True
    host, _, process = other.tags.get("process", "").rpartition("/")
    return host == socket.gethostname() and process.isdigit() and not _runs(int(process))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _age(other: RegisteredModel) -> float:
    return max(0.0, time.time() - float(other.creation_timestamp) / 1000)


def _found(client: MlflowClient, name: str) -> RegisteredModel | None:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
