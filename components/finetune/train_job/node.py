"""What a node of a TrainJob runs, once for each of its ranks: ``torchrun`` or Kubeflow Trainer has started it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import typing
from collections.abc import Mapping
from pathlib import Path

from components.finetune.train_job.exchange import LEASE, read_arguments

FOLDER = "REGION_HEADS_TRAIN_JOB"
"""Environment variable with the job's folder as its nodes see it."""

LEASE_SECONDS = "REGION_HEADS_TRAIN_JOB_LEASE"
"""Environment variable: a lease that has not counted on for so long has run out."""


def in_train_job() -> bool:
    """Whether this process belongs to a node."""
    return FOLDER in os.environ


def run_node() -> None:
    """The function that the job is made of. Kubeflow takes its text alone, so it can use nothing from outside."""
    from components.finetune.train_job.node import main

    main()


def main() -> None:
    """Runs the step as it was handed over and leaves its last words where it gives up.

    Raises:
        SystemExit: The step failed.
    """
    from components.command import bound_step
    from components.finetune.ending import end_now
    from components.finetune.launch import LostRankError
    from region_heads.errors import RegionHeadsError

    folder = Path(os.environ[FOLDER])
    os.chdir(folder)
    watch_lease()
    arguments = read_arguments(folder)
    rank = os.environ.get("RANK", "0")
    try:
        _check_ranks(int(typing.cast(int, arguments["ranks"])))
        bound_step("finetune", **typing.cast(Mapping[str, typing.Any], arguments["step"]))()
    except LostRankError as error:
        raise SystemExit(str(error)) from None  # the next try may do better: no last words
    except RegionHeadsError as error:
        (folder / "reasons" / f"rank{rank}").write_text(str(error), encoding="utf-8")
        raise SystemExit(str(error)) from None
    end_now()


def _check_ranks(expected: int) -> None:
    """Torch's plugin of Kubeflow Trainer takes the processes of a node from the runtime, not from us."""
    from region_heads.errors import RegionHeadsError

    found = int(os.environ.get("WORLD_SIZE", "0"))
    if found not in (0, expected):  # 0: no launcher has been here, and the step starts its ranks itself
        raise RegionHeadsError(
            f"expected {expected} ranks (finetune.nodes x finetune.processes), found {found}; Kubeflow Trainer starts "
            "one for each GPU of a node, without GPUs for each CPU: make finetune.processes and "
            "finetune.train_job.resources agree"
        )


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
