"""How a rank's process ends."""

import os
import sys


def end_now() -> None:
    """Ends the process at once, as a success.

    Everything is written. What is left are threads of native libraries, which now and then abort the process while it
    ends; a run that is finished must not look like a rank that died.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
