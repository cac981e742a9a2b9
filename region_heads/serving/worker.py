"""The one thread that asks the model; whatever waits when it is free is answered together."""

import contextlib
import io
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass

from region_heads.asking import Answer, Images, Limits, Refusal, RegionQuestion, ask, ask_together
from region_heads.errors import RegionHeadsError
from region_heads.prediction import LoadedModel
from region_heads.records import MASK_TOKEN
from region_heads.tasks import TASKS

Replies = list[Answer | Refusal]

_TOGETHER = 128
"""Questions that are answered in one call: those of one picture share its pass, and a long wait is not made longer."""


@dataclass(frozen=True)
class _Job:
    asked: list[RegionQuestion]
    replies: Future[Replies]


class BusyError(Exception):
    """As many requests wait as may."""


class Worker:
    """Answers requests one batch at a time; a model is not made for two threads.

    Args:
        load: Loads the model; called by the worker's thread, so that the server can say meanwhile that it is not ready.
        images, limits, depth_scale, without_depth: As in :func:`region_heads.asking.ask`.
        waiting: Requests that may wait.
        patience: Seconds that a batch may take before the worker is taken for stuck; loading and a model's first
            questions may take longer.
        on_failure: Called when the model cannot be loaded or answers no question; ``failure`` says why.
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
        patience: float = 60.0,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._images, self._limits, self._depth_scale = images, limits, depth_scale
        self._without_depth = without_depth
        self._patience, self._on_failure = patience, on_failure
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._busy_since: float | None = None
        self._ended = False
        self._next: tuple[LoadedModel, Future[None]] | None = None
        self.model: LoadedModel | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        """Starts to load the model."""
        self._thread.start()

    def submit(self, asked: Sequence[RegionQuestion]) -> Future[Replies]:
        """Takes a request; its replies come in the order of ``asked``. A cancelled one is not answered any more.

        Raises:
            BusyError: Too many wait.
        """
        job = _Job(list(asked), Future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise BusyError from None
        return job.replies

    def take_over(self, model: LoadedModel) -> Future[None]:
        """Has ``model`` answer from a later batch on, once it has answered a question of its own; else the old stays.

        Returns:
            Done when it has taken over, or has the reason why not.
        """
        taken: Future[None] = Future()
        self._next = (model, taken)
        with contextlib.suppress(queue.Full):  # then it wakes up by itself
            self._jobs.put_nowait(None)
        return taken

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return self._jobs.qsize()

    @property
    def lost(self) -> str | None:
        """Why the worker will answer nothing more, where that is so."""
        if self.failure is not None:
            return "the model did not load, or answered no question"
        if self._thread.ident is not None and not self._thread.is_alive():
            return "the model's thread has ended"
        since = self._busy_since
        if since is not None and time.monotonic() - since > self._patience:
            return f"one batch has taken more than {self._patience:g} s"
        return None

    @property
    def trouble(self) -> str | None:
        """Why nothing can be asked now; None once a first question was answered."""
        return self.lost or ("the model is still being loaded" if self.model is None else None)

    def stop(self) -> None:
        """Answers what was taken, then ends; does not wait for a model that is being loaded, or that is stuck."""
        self._ended = True
        with contextlib.suppress(queue.Full):
            self._jobs.put_nowait(None)
        if self.trouble is None:
            self._thread.join(self._patience)

    def _work(self) -> None:
        try:
            model = self._load()
            self._warm_up(model)
        except BaseException as error:
            self.failure = error
            self._on_failure()
            return
        self.model = model
        while not (self._ended and self._jobs.empty()):
            # Not waited for where a model waits: the None that announced it may have been taken with a batch.
            job = self._jobs.get() if self._next is None else None
            self._change()
            self._busy_since = time.monotonic()
            if job is not None:
                self._answer(self.model, self._with_others(job))
            self._busy_since = None

    def _change(self) -> None:
        """Puts the next model in the place of this one, where there is one that answers."""
        if self._next is None:
            return
        (model, taken), self._next = self._next, None
        try:
            self._warm_up(model)
        except Exception as error:
            taken.set_exception(error)
        else:
            self.model = model
            taken.set_result(None)

    def _warm_up(self, model: LoadedModel) -> None:
        """Asks a question of each task: what is loaded or compiled on first use is there when others ask.

        Raises:
            RegionHeadsError: One is refused.
        """
        heads = set(model.network.region_heads.heads)
        examples = [task for task in TASKS if task.example and (task.name in heads or model.network.answers_in_text)]
        asked = [
            RegionQuestion(
                question=task.example,
                image=_picture("RGB"),
                depth=_picture("I;16"),
                regions=[[10 * n + 2, 8, 10 * n + 9, 24] for n in range(task.example.count(MASK_TOKEN))],
                task=task.name,
            )
            for task in examples
        ]
        for reply in ask(model, asked):
            if isinstance(reply, Refusal):
                raise RegionHeadsError(f"the model cannot answer a question like those of its training: {reply}")
        from region_heads.tagging.router import tag

        tag(TASKS[0].example)  # the router, which questions without a task need, loads its classifier

    def _with_others(self, job: _Job | None) -> list[_Job]:
        """A job and those that wait with it."""
        jobs: list[_Job] = []
        with contextlib.suppress(queue.Empty):
            while job is not None:
                jobs.append(job)
                if sum(len(job.asked) for job in jobs) >= _TOGETHER:
                    break
                job = self._jobs.get_nowait()
        return jobs

    def _answer(self, model: LoadedModel, jobs: Sequence[_Job]) -> None:
        def wanted(number: int) -> bool:
            self._busy_since = time.monotonic()
            return not jobs[number].replies.done()

        try:
            replies = ask_together(
                model, [job.asked for job in jobs], images=self._images, limits=self._limits,
                depth_scale=self._depth_scale, without_depth=self._without_depth, wanted=wanted,
            )  # fmt: skip
        except Exception as error:  # a fault of ours, reported to the one whom it struck; the others are asked alone
            if len(jobs) > 1:
                for job in jobs:
                    self._answer(model, [job])
            else:
                with contextlib.suppress(InvalidStateError):
                    jobs[0].replies.set_exception(error)
            return
        for job, reply in zip(jobs, replies, strict=True):
            with contextlib.suppress(InvalidStateError):  # given up
                job.replies.set_result(reply)


def _picture(mode: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new(mode, (64, 48), 2000 if mode == "I;16" else (90, 120, 150)).save(buffer, format="PNG")
    return buffer.getvalue()
