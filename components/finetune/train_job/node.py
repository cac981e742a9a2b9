"""What a node of a TrainJob runs, once for each of its ranks: ``torchrun`` or Kubeflow Trainer has started it."""

import os
from pathlib import Path

from components.command import bound_step, check_gpus
from components.finetune.ending import end_now
from components.finetune.launch import LostRankError
from components.finetune.train_job.exchange import read_arguments
from components.finetune.train_job.lease import FOLDER, GPUS, watch_lease
from region_heads.errors import RegionHeadsError


def main() -> None:
    """Runs the step as it was handed over and leaves its last words where it gives up.

    Raises:
        SystemExit: The step failed.
    """
    folder = Path(os.environ[FOLDER])
    os.chdir(folder)
    watch_lease()
    arguments = read_arguments(folder)
    rank = os.environ.get("RANK", "0")
    try:
        step = arguments["step"]
        _check_ranks(arguments["ranks"])
        asked = int(os.environ.get(GPUS, "0"))
        check_gpus(asked, "finetune.train_job.resources, or the runtime's", f"{asked} on each node")
        bound_step("finetune", **step)()
    except LostRankError as error:
        raise SystemExit(str(error)) from None  # the next try may do better: no last words
    except RegionHeadsError as error:
        (folder / "reasons" / f"rank{rank}").write_text(str(error), encoding="utf-8")
        raise SystemExit(str(error)) from None
    end_now()


def _check_ranks(expected: int) -> None:
    """Torch's plugin of Kubeflow Trainer takes the processes of a node from the runtime, not from us."""
    found = int(os.environ.get("WORLD_SIZE", "0"))
    if found not in (0, expected):  # 0: no launcher has been here, and the step starts its ranks itself
        raise RegionHeadsError(
            f"expected {expected} ranks (finetune.nodes x finetune.processes), found {found}; Kubeflow Trainer starts "
            "one for each GPU of a node, without GPUs for each CPU: make finetune.processes and "
            "finetune.train_job.resources agree"
        )


if __name__ == "__main__":
    main()
