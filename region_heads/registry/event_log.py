"""An append-only log in MLflow's registry: the store numbers its entries, and one that rests on an old state is void.

MLflow knows no compare-and-set, but it numbers the versions of a registered model without a gap or a double, and writes
a version with its tags at once. So the log is a registered model of its own, and a version of it is an entry. Each
names the last entry that its writer had seen (``base``). Of two that were written on the same state the first in the
store's order counts, and the other is void, for every reader. No clock and no process id is ever compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from region_heads.registry.tracking import equals, if_there

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BASE, _WRITER = "base", "writer"
_SOURCE = "region-heads-log:///entry"
"""Stands where a model's version has its files; an entry has none. A server wants an absolute path."""


@dataclass(frozen=True)
class Entry:
    """An entry: its number in the store, what its writer noted, and the store's time, for people alone."""

    number: int
    tags: Mapping[str, str]
    at: str


@dataclass(frozen=True)
class Seen:
    """A log as it was read.

    Attributes:
        entries: Those that count, in the store's order.
        last: The highest number, also of a void entry; 0 where there is none.
        missing: Numbers of entries that were deleted, as far as that shows.
    """

    entries: list[Entry] = field(default_factory=list)
    last: int = 0
    missing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Log:
    """The log ``name``; ``about`` says in MLflow's pages what it is."""

    client: MlflowClient
    name: str
    about: str

    def exists(self) -> bool:
        """Whether there is such a log, with entries or without."""
        return if_there(lambda: self.client.get_registered_model(self.name)) is not None

    def make(self) -> None:
        """Makes the log, unless it is there."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(self.name, description=self.about)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def read(self) -> Seen:
        """All entries that count. One counts whose writer had seen all before it that count, or are missing."""
        found, token = [], None
        while True:
            page = self.client.search_model_versions(
                equals("name", self.name), max_results=1000, order_by=["version_number ASC"], page_token=token
            )
            found += [version for version in page if version.name == self.name]
            token = page.token
            if not token:
                break
        entries: list[Entry] = []
        missing: list[int] = []
        last = floor = 0
        for version in found:
            number, base = int(version.version), version.tags.get(_BASE, "")
            if number > last + 1:
                missing += range(last + 1, number)
                floor = number - 1
            if base.isdecimal() and floor <= int(base) < number:
                at = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(timespec="milliseconds")
                entries.append(Entry(number, dict(version.tags), at))
                floor = number
            last = number
        return Seen(entries, last, missing)

    def append(self, tags: Mapping[str, str], base: int) -> Entry | None:
        """Adds an entry of who has seen the log up to the number ``base``; None where others were first.

        A reply that is lost does no harm: the entry is looked for by a word of its own, and one that arrives
        twice is void the second time.
        """
        from mlflow.exceptions import MlflowException

        noted = {**tags, _BASE: str(base), _WRITER: uuid4().hex}
        for _ in range(4):
            failure = None
            try:
                self.client.create_model_version(self.name, _SOURCE, tags=noted, await_creation_for=0)
            except MlflowException as error:
                failure = error
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    self.make()
            seen = self.read()
            for entry in seen.entries:
                if entry.tags.get(_WRITER) == noted[_WRITER]:
                    return entry
            if failure is None or seen.last > base:  # others were first
                return None
            time.sleep(0.1)
        raise failure  # type: ignore[misc]  # without one it has returned

    def mark(self, entry: Entry, key: str, value: str) -> None:
        """Notes something on an entry, in the place of what stood there."""
        insist(lambda: self.client.set_model_version_tag(self.name, str(entry.number), key, value))


def insist(write: Callable[[], None]) -> None:
    """Sets a tag or an alias in MLflow, which looks first: of two that set the same one anew, it refuses the second."""
    from mlflow.exceptions import MlflowException

    try:
        write()
    except MlflowException as error:
        if error.error_code != "BAD_REQUEST":
            raise
        write()
