"""A job's processes: how they are marked as such, and end when no step waits for their results."""

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import NoReturn

from components.finetune.train_job.exchange import LEASE

FOLDER = "REGION_HEADS_TRAIN_JOB"
"""Environment variable with the job's folder as its nodes see it."""

GPUS = "REGION_HEADS_TRAIN_JOB_GPUS"
"""Environment variable: GPUs that each node was asked for."""

LEASE_SECONDS = "REGION_HEADS_TRAIN_JOB_LEASE"
"""Environment variable: a lease that has not counted on for so long has run out."""


def in_train_job() -> bool:
    """Whether this process belongs to a node."""
    return FOLDER in os.environ


def watch_lease() -> None:
    """Ends this process, one of a node's, when no step waits for its results; the checkpoints stay.

    That is when the lease stands still, or when it is another try's. The count is compared with itself and measured by
    this machine's clock: two machines' clocks may differ.
    """
    file, seconds = Path(os.environ[FOLDER]) / LEASE, float(os.environ[LEASE_SECONDS])

    def watch() -> None:
        owner, last, since = "", "", time.monotonic()
        while True:
            found = _read(file) or last
            owner = owner or found.partition(" ")[0]
            if found.partition(" ")[0] != owner:
                _stop(f"another try has taken over ({file})")
            if found != last:
                last, since = found, time.monotonic()
            elif time.monotonic() - since > seconds:
                _stop(f"the step of this job has ended ({file} was not renewed for {seconds:.0f} s)")
            time.sleep(min(5.0, seconds / 4))

    threading.Thread(target=watch, name="lease", daemon=True).start()


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:  # a moment's trouble of the storage; a long one ends us
        return None


def _stop(why: str) -> NoReturn:
    with contextlib.suppress(OSError):  # who read this may have ended, too
        print(f"{why}; stopping", flush=True)
    os._exit(1)
