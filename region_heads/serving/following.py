"""A server that follows an alias: what it newly names takes over, between two batches, once it has answered."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from region_heads.errors import RegionHeadsError, explain, first_line, public
from region_heads.prediction import LoadedModel, load
from region_heads.serving.worker import Worker

_log = logging.getLogger(__name__)


class Follower:
    """Looks again and again which version an alias names.

    The old model answers until the new one is loaded and has answered a question of its own, so both are in memory for
    that time. What cannot be fetched, loaded or asked does not take over; it is reported once and tried again.

    Args:
        worker: Answers; has its first model from elsewhere.
        about: What is reported of the model; ``about["model"]`` is its address, and follows.
        resolve: The address of the version that the alias names now.
        fetch: Brings the model at an address below a folder; returns its own folder.
        every: Seconds between two looks.
    """

    def __init__(
        self,
        worker: Worker,
        about: dict[str, Any],
        *,
        resolve: Callable[[], str],
        fetch: Callable[[str, Path], Path],
        every: float,
    ) -> None:
        self._worker, self._about = worker, about
        self._resolve, self._fetch, self._every = resolve, fetch, every
        self._ended = threading.Event()
        self._reported = ""
        # A daemon: nothing waits for a download when the server ends.
        self._thread = threading.Thread(target=self._watch, name="follower", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; a version that is being fetched does not take over any more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.look()
            except Exception as error:
                self._report(explain(error) or public(f"{type(error).__name__}: {first_line(error)}"))
            else:
                self._reported = ""

    def look(self) -> bool:
        """Looks once; whether another version has taken over.

        Raises:
            RegionHeadsError: The registry does not answer, or the version cannot be fetched, loaded or asked.
        """
        uri = self._resolve()
        if uri == self._about["model"]:
            return False
        with TemporaryDirectory() as folder:
            model: LoadedModel = load(self._fetch(uri, Path(folder)))
        if self._ended.is_set():
            return False
        try:
            self._worker.take_over(model).result()
        except RegionHeadsError as error:
            raise RegionHeadsError(f"{uri}: {error}") from error
        _log.warning("%s took over from %s", uri, self._about["model"])
        self._about["model"] = uri
        return True

    def _report(self, trouble: str) -> None:
        if trouble != self._reported:
            self._reported = trouble
            _log.warning("%s goes on answering: %s", self._about["model"], trouble)
