"""One rank of several: ``python -m components.finetune.rank ARGUMENTS``, started by ``components.finetune.launch``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from components.command import run_step

if __name__ == "__main__":
    handed_over = Path(sys.argv[1])
    try:
        run_step("finetune", **json.loads(handed_over.read_text(encoding="utf-8")))
    except SystemExit as error:
        if isinstance(error.code, str):
            words = error.code.removeprefix("finetune: ")
            Path(f"{handed_over}.rank{os.environ['RANK']}").write_text(f"gave up: {words}", encoding="utf-8")
            sys.exit(1)
        raise
    # Everything is written. What is left are threads of native libraries, which now and then abort the process while
    # it ends; a run that is finished must not look like a rank that died.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
