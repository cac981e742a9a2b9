"""Several ranks on this machine: the step runs itself once for each, through ``torchrun``'s own launcher.

On several machines ``torchrun --nnodes … -m components finetune …`` (or a TrainJob) starts the ranks, and every one of
them runs the step as it is.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_heads.errors import RegionHeadsError
from region_heads.files.output import write_json
from region_heads.settings import Section
from region_heads.training.checkpoints import last_checkpoint

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure


class LostRankError(RegionHeadsError):
    """A rank died without a word: another try may do better."""


def launch(processes: int, ports: Mapping[str, Path], sections: Mapping[str, Section], *, checkpoints: Path) -> None:
    """Runs the step on ``processes`` ranks and waits for them.

    Raises:
        RegionHeadsError: There are more ranks than GPUs, or a rank gave up; the message says which, why, and what the
            same command goes on from.
        LostRankError: It died; likewise.
    """
    import torch
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise RegionHeadsError(
            f"finetune.processes: expected at most {gpus}, a rank for each GPU of this machine, found {processes}"
        )
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    arguments: dict[str, Any] = {name: str(path) for name, path in ports.items()}
    arguments |= {name: section.model_dump(mode="json") for name, section in sections.items()}
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "arguments.json", {"ranks": processes, "step": arguments})
        config = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=processes, run_id="finetune", rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", max_restarts=0, monitor_interval=0.5,
        )  # fmt: skip
        try:
            elastic_launch(config, sys.executable)("-m", "components.finetune.rank", folder)
        except ChildFailedError as error:
            rank, failure = error.get_first_failure()
            reason = Path(folder) / f"rank{rank}"
            kind = RegionHeadsError if reason.is_file() else LostRankError
            raise kind(_words(rank, processes, failure, reason, last_checkpoint(checkpoints))) from None


def _words(rank: int, processes: int, failure: ProcessFailure, reason: Path, resume: Path | None) -> str:
    if reason.is_file():
        what = reason.read_text(encoding="utf-8")
    elif failure.exitcode < 0:
        what = f"died by {failure.signal_name()}"
        what += " (out of main memory?)" if failure.exitcode == -9 else ""
    else:
        what = f"ended with exit code {failure.exitcode}; its messages are above"
    then = f"resumes from {resume}" if resume else "starts from the beginning, since no checkpoint was written yet"
    return f"rank {rank} of {processes} {what}. The others were stopped; the same command {then}"
