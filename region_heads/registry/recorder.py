"""The training's run in MLflow while the model trains; an unreachable store delays it, and never the training.

A thread of its own opens the run and sends settings and curves. What it could not send when the training ends is
written beside the model, from where :func:`region_heads.registry.training_record.deliver` takes it.
"""

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from transformers import TrainerCallback

from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import connect, find_run, in_words, tracking_run
from region_heads.registry.training_record import Sample, run_name, send_params, send_samples
from region_heads.settings import TrackingParams
from region_heads.training.curves import points

_INTERVAL = 3.0  # seconds between two requests
_PAUSE = 15.0  # seconds until an unreachable store is asked again


@dataclass
class _State:
    """What the thread has done; read by others under the lock."""

    run_id: str | None = None
    opened: bool = False  # by the thread itself, which then has to close it
    params_sent: bool = False
    closed: bool = False
    problem: str | None = None


class Recorder(TrainerCallback):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """Records one training.

    Args:
        tracking: Store and experiment. A run in MLFLOW_RUN_ID is joined.
        params: The settings of the step, as plain data.
        note: File with the id of the run that was opened; where it is there, a training that was killed left it, and
            its run is closed as such.
    """

    def __init__(self, tracking: TrackingParams, params: Mapping[str, Any], note: Path) -> None:
        self._tracking = tracking
        self._params = params
        self._note = note
        self._logged = 0  # entries of the trainer's log that were taken over
        self._waiting: list[Sample] = []
        self._state = _State()
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._failed = False
        # A daemon: a store that hangs must not keep the process.
        self._thread = threading.Thread(target=self._work, name="mlflow-recorder", daemon=True)
        self._thread.start()

    def on_log(self, _args: Any, state: Any, _control: Any, **_others: Any) -> None:
        """Takes over what the trainer has logged since the last call; after a resume, also what it had before."""
        new, self._logged = state.log_history[self._logged :], len(state.log_history)
        now = int(time.time() * 1000)
        with self._lock:
            self._waiting += [(point.name, point.value, now, point.step) for point in points(new)]

    def close(self, *, failed: bool = False, patience: float = 30.0) -> tuple[str | None, dict[str, Any] | None]:
        """Sends what is left, for at most ``patience`` seconds, and closes the run.

        Returns:
            The run's id, None when there is none; and what was not recorded (for ``training.json``), None when
            everything was.
        """
        self._failed = failed
        self._end.set()
        self._thread.join(patience)
        with self._lock:
            state = self._state
            if state.closed and not self._waiting:
                return state.run_id, None
            left = {
                "id": uuid4().hex,
                "params": not state.params_sent,
                "samples": list(self._waiting),
                "open": state.opened and not state.closed,
                "reason": state.problem or f"no answer from MLflow within {patience:.0f} s",
            }
        where = f"is not closed in run {state.run_id}" if state.run_id else "has no run in MLflow"
        print(
            f"This training {where}: {len(self._waiting)} values of its curves"
            f"{'' if state.params_sent else ' and its settings'} were not recorded ({left['reason']}). They are kept "
            "in the model's training.json; the step evaluate sends them."
        )
        return state.run_id, left

    def _work(self) -> None:
        while True:
            last = self._end.is_set()
            try:
                self._record()
            except RegionHeadsError as error:
                self._trouble(str(error))
            if self._state.closed or self._state.run_id is not None or last:
                return
            self._end.wait(_PAUSE)

    def _record(self) -> None:
        """Opens the run and stays with it until the training ends."""
        client = connect(self._tracking)
        with in_words(client):
            self._close_killed(client)
            with tracking_run(self._tracking, name=run_name(self._params)) as run:
                with self._lock:
                    self._state.run_id = run.info.run_id
                    self._state.opened = run.info.run_id != os.environ.get("MLFLOW_RUN_ID")
                if self._state.opened:
                    with contextlib.suppress(OSError):  # costs a run that is not closed, if this training is killed
                        self._note.parent.mkdir(parents=True, exist_ok=True)
                        self._note.write_text(run.info.run_id, encoding="utf-8")
                self._stay(client, run.info.run_id)
            if self._failed and self._state.opened:
                client.set_terminated(run.info.run_id, "FAILED")
        with self._lock:
            self._state.closed = True

    def _close_killed(self, client: Any) -> None:
        """Closes the run of a training that this one goes on from, where it was killed and could not do so itself."""
        before = find_run(client, self._note.read_text("utf-8", "replace") if self._note.is_file() else None)
        if before is not None and before.info.status == "RUNNING":
            client.set_terminated(before.info.run_id, "KILLED")

    def _stay(self, client: Any, run_id: str) -> None:
        pause = 0.0
        while not self._end.wait(pause):
            pause = _INTERVAL if self._send(client, run_id) else _PAUSE
        self._send(client, run_id)

    def _send(self, client: Any, run_id: str) -> bool:
        with self._lock:
            samples = list(self._waiting)
        try:
            with in_words(client):
                if not self._state.params_sent:
                    send_params(client, run_id, self._params)
                    self._state.params_sent = True
                send_samples(client, run_id, samples)
        except RegionHeadsError as error:
            self._trouble(str(error))
            return False
        with self._lock:
            del self._waiting[: len(samples)]
        return True

    def _trouble(self, problem: str) -> None:
        if self._state.problem is None:
            print(f"{problem}. Training continues; its curves are sent once MLflow answers.", flush=True)
        self._state.problem = problem
