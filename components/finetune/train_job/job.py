"""One TrainJob: created, waited for while GPUs are queued for, followed by its log, deleted."""

import sys
import threading
import time
from typing import Any, Literal

from components.finetune.train_job.backends import Backend, cause_of
from region_heads.errors import RegionHeadsError

Outcome = Literal["complete", "failed", "gone"]

_PATIENCE = 300.0  # seconds that a server may be unreachable before the job is given up
_DELETION = 300.0


class Job:
    """The job called ``name`` on ``backend``."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self._client = backend.client
        self.name = name

    def create(self, labels: dict[str, str]) -> None:
        """Starts it.

        Raises:
            RegionHeadsError: It was refused.
        """
        from kubeflow.trainer.options import Labels, Name

        options: list[Any] = [Name(self.name)]
        if self._backend.logs == "lines":  # the other clients know no labels
            options.append(Labels(labels))
        try:
            self._client.train(runtime=self._backend.runtime, trainer=self._backend.trainer, options=options)
        except (RuntimeError, TimeoutError, ValueError) as error:
            # 409: the server took it, and its answer was lost, so that it was asked again.
            if getattr(error.__cause__, "status", None) != 409:
                raise RegionHeadsError(f"TrainJob {self.name}: could not be created ({cause_of(error)})") from error

    def delete(self) -> bool:
        """Deletes it, if it is there, and waits until it is deleted.

        Returns:
            Whether it was there.

        Raises:
            RegionHeadsError: It cannot be deleted.
        """
        try:
            there = self._find() is not None
            if there:
                self._client.delete_job(self.name)
            self._backend.after()
            until = time.monotonic() + _DELETION
            while self._find() is not None:
                if time.monotonic() > until:
                    raise RegionHeadsError(
                        f"TrainJob {self.name}: still there {_DELETION:.0f} s after it was deleted; see its finalizers"
                    )
                time.sleep(self._backend.poll)
        except (RuntimeError, TimeoutError) as error:
            if isinstance(error, RegionHeadsError):
                raise
            raise RegionHeadsError(f"TrainJob {self.name}: could not be deleted ({cause_of(error)})") from error
        return there

    def outcome(self, *, queue_seconds: float) -> Outcome:
        """Follows it to its end, its first node's log on standard output.

        Args:
            queue_seconds: How long its nodes may wait for machines.

        Raises:
            RegionHeadsError: They waited longer, or the server was unreachable for minutes.
        """
        created, away_since, ran = time.monotonic(), None, False
        streamed, told_of = _Log(self._backend, self.name), ""
        while True:
            try:
                job = self._find()
                away_since = None
            except (RuntimeError, TimeoutError) as error:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > _PATIENCE:
                    raise RegionHeadsError(
                        f"TrainJob {self.name}: no status was received for {_PATIENCE:.0f} s ({cause_of(error)})"
                    ) from error
                time.sleep(self._backend.poll)
                continue
            if job is None:
                return "gone"
            streamed.follow(job)
            if job.status in ("Complete", "Failed"):
                streamed.close()
                return "complete" if job.status == "Complete" else "failed"
            ran = ran or job.status == "Running"
            if not ran:
                waiting = self._why_it_waits()
                if waiting != told_of:
                    print(f"TrainJob {self.name} waits for machines{waiting}", flush=True)
                    told_of = waiting
                if time.monotonic() - created > queue_seconds:
                    raise RegionHeadsError(
                        f"TrainJob {self.name}: expected its nodes within {queue_seconds / 3600:g} hours "
                        f"(finetune.train_job.queue_hours), found it still waiting{waiting}"
                    )
            time.sleep(self._backend.poll)

    def _find(self) -> Any | None:
        try:
            return self._client.get_job(self.name)
        except ValueError:  # containers and processes: there is none
            return None
        except RuntimeError as error:
            if getattr(error.__cause__, "status", None) == 404:
                return None
            raise

    def _why_it_waits(self) -> str:
        """What the scheduler says, as ": …"; "" where it says nothing."""
        try:
            events = self._client.get_job_events(self.name)
        except (NotImplementedError, RuntimeError, TimeoutError):  # the first: containers and processes have no events
            return ""
        told_by = [event for event in events if event.reason in ("FailedScheduling", "Pending", "QuotaReserved")]
        return f": {told_by[-1].message}" if told_by else ""


class _Log:
    """Streams the first node's log in a thread of its own; a pod that takes another's place is followed too."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend, self._name = backend, name
        self._pod = ""
        self._thread: threading.Thread | None = None

    def follow(self, job: Any) -> None:
        """Starts streaming once the node has begun."""
        if self._thread is not None and self._thread.is_alive():
            return
        first = next((step for step in job.steps if step.name in ("node-0", "train")), None)
        if first is None or first.status in (None, "Pending", "Created") or first.pod_name == self._pod:
            return
        self._pod = first.pod_name
        self._thread = threading.Thread(target=self._stream, name="log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Waits for the last lines."""
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _stream(self) -> None:
        try:
            for piece in self._backend.client.get_job_logs(self._name, follow=True):
                if self._backend.logs != "printed":
                    sys.stdout.write(piece if self._backend.logs == "chunks" else piece.rstrip("\n") + "\n")
                    sys.stdout.flush()
        except Exception as error:  # a log that breaks off must not end a training
            print(f"the log of TrainJob {self._name} broke off ({cause_of(error)}); the training continues", flush=True)
