"""One rank of several: ``python -m components.finetune.rank FOLDER``, started by ``components.finetune.launch``."""

import os
import sys
from pathlib import Path

from components.command import bound_step
from components.finetune.ending import end_now
from components.finetune.train_job.exchange import read_arguments
from components.finetune.train_job.lease import in_train_job, watch_lease
from region_heads.console.boundary import in_words
from region_heads.errors import explain

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if in_train_job():  # on a node that starts its ranks itself
        watch_lease()
    with in_words("finetune"):
        try:
            bound_step("finetune", **read_arguments(folder)["step"])()
        except Exception as error:
            # Another try would end the same; not so where the others of a rank that died lose their connection.
            reason = None if isinstance(error, ConnectionError) else explain(error)
            if reason is not None:
                (folder / f"rank{os.environ['RANK']}").write_text(f"gave up: {reason}", encoding="utf-8")
            raise
    end_now()
