"""The one thread that asks the model; whatever waits when it is free is answered together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from region_heads.asking import Answer, Asked, Images, Limits, Refusal, ask
from region_heads.prediction import LoadedModel

Replies = list[Answer | Refusal]

_TOGETHER = 128
"""Questions that are answered in one call: those of one picture share its pass, and a long wait is not made longer."""


@dataclass(frozen=True)
class _Job:
    asked: list[Asked]
    replies: Future[Replies]


class BusyError(Exception):
    """As many requests wait as may."""


class Worker:
    """Answers requests one batch at a time; a model is not made for two threads.

    Args:
        load: Loads the model; called by the worker's thread, so that the server can say meanwhile that it is not ready.
        images, limits, depth_scale, without_depth: As in :func:`region_heads.asking.ask`.
        waiting: Requests that may wait.
    """

    def __init__(
        self,
        load: Callable[[], LoadedModel],
        *,
        images: Images,
        limits: Limits,
        depth_scale: float = 0.001,
        without_depth: bool = False,
        waiting: int = 64,
    ) -> None:
        self._load = load
        self._images, self._limits, self._depth_scale = images, limits, depth_scale
        self._without_depth = without_depth
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self.model: LoadedModel | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Starts to load the model."""
        self._thread.start()

    def submit(self, asked: Sequence[Asked]) -> Future[Replies]:
        """Takes a request; its replies come in the order of ``asked``.

        Raises:
            BusyError: Too many wait.
        """
        job = _Job(list(asked), Future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise BusyError from None
        return job.replies

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._jobs.qsize()

    def stop(self) -> None:
        """Answers what was taken, then ends."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            self.model = self._load()
        except BaseException as error:
            self.failure = error
            raise
        more = True
        while more:
            jobs, more = self._waiting()
            # Who has given up waiting is not answered.
            jobs = [job for job in jobs if job.replies.set_running_or_notify_cancel()]
            if jobs:
                self._answer(self.model, jobs)

    def _waiting(self) -> tuple[list[_Job], bool]:
        """The next job and those that wait with it; and whether the worker goes on after them."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if sum(len(job.asked) for job in jobs) >= _TOGETHER:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _answer(self, model: LoadedModel, jobs: list[_Job]) -> None:
        asked = [one for job in jobs for one in job.asked]
        try:
            replies = ask(
                model, asked, images=self._images, limits=self._limits, depth_scale=self._depth_scale,
                without_depth=self._without_depth,
            )  # fmt: skip
        except Exception as error:  # a fault of ours, told to those whom it struck; the next ones are answered
            for job in jobs:
                job.replies.set_exception(error)
            return
        for job in jobs:
            job.replies.set_result(replies[: len(job.asked)])
            del replies[: len(job.asked)]
