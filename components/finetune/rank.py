"""One rank of several: ``python -m components.finetune.rank ARGUMENTS``, started by ``components.finetune.launch``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from components.command import bound_step
from components.finetune.ending import end_now
from components.finetune.train_job.lease import in_train_job, watch_lease
from region_heads.errors import RegionHeadsError

if __name__ == "__main__":
    handed_over = Path(sys.argv[1])
    if in_train_job():  # on a node that starts its ranks itself
        watch_lease()
    try:
        bound_step("finetune", **json.loads(handed_over.read_text(encoding="utf-8")))()
    except RegionHeadsError as error:
        Path(f"{handed_over}.rank{os.environ['RANK']}").write_text(f"gave up: {error}", encoding="utf-8")
        sys.exit(1)
    end_now()
