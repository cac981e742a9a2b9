"""DeepSpeed's operators, compiled when first needed: a build that was killed does not stop later runs.

PyTorch marks a build by a file called ``lock``, which stays when the builder is killed and is then waited for without
end or word. Here builders also hold a lock of the kernel, which ends with them.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from torch.utils import cpp_extension
from torch.utils.file_baton import FileBaton

_PATIENCE = 3.0  # seconds of waiting without a word


def guard_builds() -> None:
    """From now on this process waits for builders of extensions only as long as they live."""
    cpp_extension.__dict__["FileBaton"] = _Baton


class _Baton(FileBaton):  # type: ignore[misc, unused-ignore]  # torch's is not typed
    """PyTorch's mark of a build, taken in turns: who waited looks for itself what is left to build."""

    def try_acquire(self) -> bool:
        """Waits for its turn, removes the mark of a builder that has ended, and sets its own."""
        mark = Path(self.lock_file_path)
        self._turn = os.open(f"{mark}.turn", os.O_RDWR | os.O_CREAT, 0o666)
        _wait_while(lambda: _taken(self._turn), f"Another process builds {mark.parent.name} ({mark.parent})")
        _wait_while(lambda: _opened(mark), f"Another program builds {mark.parent.name} ({mark})")
        if mark.exists():
            print(f"{mark}: removed; the process that was building {mark.parent.name} has ended", flush=True)
            mark.unlink(missing_ok=True)
        return bool(super().try_acquire())

    def release(self) -> None:
        super().release()
        os.close(self._turn)


def _wait_while(busy: Callable[[], bool], words: str) -> None:
    since, silent = time.monotonic(), True
    while busy():
        if silent and time.monotonic() - since > _PATIENCE:
            print(f"{words}; this run waits for it", flush=True)
            silent = False
        time.sleep(0.1)


def _taken(turn: int) -> bool:
    """Whether another process has the lock of the kernel; else it is ours."""
    try:
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # storage without locks
        return False
    return False


def _opened(mark: Path) -> bool:
    """Whether a process that can be seen has the file open, as PyTorch's own builders have."""
    try:
        wanted = mark.stat()
    except FileNotFoundError:
        return False
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.path.samestat(link.stat(), wanted):
                return True
        except OSError:  # closed meanwhile, or another user's
            continue
    return False
