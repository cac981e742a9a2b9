"""A job's processes: how they know that they are, and how they learn that nobody waits for their results any more."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from components.finetune.train_job.exchange import LEASE

FOLDER = "REGION_HEADS_TRAIN_JOB"
"""Environment variable with the job's folder as its nodes see it."""

LEASE_SECONDS = "REGION_HEADS_TRAIN_JOB_LEASE"
"""Environment variable: a lease that has not counted on for so long has run out."""


def in_train_job() -> bool:
    """Whether this process belongs to a node."""
    return FOLDER in os.environ


def watch_lease() -> None:
    """Ends this process, one of a node's, when whoever waits for its results is no more; the checkpoints stay.

    The count is compared with itself and measured by this machine's clock: two machines' clocks may differ.
    """

    file, seconds = Path(os.environ[FOLDER]) / LEASE, float(os.environ[LEASE_SECONDS])

    def watch() -> None:
        last, since = "", time.monotonic()
        while True:
            try:
                found = file.read_text(encoding="utf-8")
            except OSError:
                found = last
            if found != last:
                last, since = found, time.monotonic()
            elif time.monotonic() - since > seconds:
                with contextlib.suppress(OSError):  # who read this may be gone, too
                    print(
                        f"the step of this job is gone ({file} stood still for {seconds:.0f} s); stopping", flush=True
                    )
                os._exit(1)
            time.sleep(min(5.0, seconds / 4))

    threading.Thread(target=watch, name="lease", daemon=True).start()
