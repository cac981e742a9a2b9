"""Where steps and commands end: errors become words and exit codes, signals become ends in good order.

Exit codes: 0, done; 1, refused or failed, in words; 2, a wrong command; 130, Ctrl-C; 128 and its number, a signal.
"""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from region_heads.console.terminal import safe_output
from region_heads.errors import RegionHeadsError, explain, first_line, library_of

DEBUG = "REGION_HEADS_DEBUG"
"""Environment variable: 1 shows the traceback behind every message."""


@contextlib.contextmanager
def in_words(name: str, *, carried: bool = False) -> Iterator[None]:
    """Runs a step or command called ``name``; whatever it raises is reported in words on standard error.

    Args:
        carried: The exception carries the message, in place of the exit code 1, for who embeds a step.

    Raises:
        SystemExit: In place of any other exception.
    """
    with safe_output(), _ended_in_good_order():
        try:
            _check_start()
            yield
        except SystemExit:
            raise
        except BaseException as error:
            code, message = exit_code(error), f"{name}: {sentence(error)}"
            if os.environ.get(DEBUG, "0") not in ("", "0"):
                traceback.print_exc()
            if carried and code == 1:
                raise SystemExit(message) from None
            print(message, file=sys.stderr)
            raise SystemExit(code) from None


def exit_code(error: BaseException) -> int:
    """The exit code for an exception that ends a step or command."""
    # torch's launcher turns signals into an exception of its own, which has the signal's number.
    number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else getattr(error, "sigval", None)
    return 1 if number is None else 128 + int(number)


def sentence(error: BaseException) -> str:
    """What is reported of ``error``; the traceback of one that is or may be a fault of ours is kept in a file."""
    if isinstance(error, SystemExit):
        return f"ended with exit code {error.code}"
    if exit_code(error) > 1:
        return "interrupted"
    words = explain(error)
    if words is not None:
        return words
    found, library = f"{type(error).__name__}: {first_line(error)}", library_of(error)
    report = f"run it again with {DEBUG}=1 to see the traceback, or report it with {_kept(error)}"
    if library is None:
        return f"this is a fault of Region Heads ({found}); {report}"
    return f"the library {library} gave up ({found}); if input and settings are right, {report}"


def _kept(error: BaseException) -> str:
    """The file with the traceback of ``error``."""
    kept: str | None = getattr(error, "_kept_in", None)
    if kept is not None:
        return kept
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="region-heads-", suffix=".log", encoding="utf-8", errors="backslashreplace", delete=False
        ) as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return "it"
    error._kept_in = file.name  # type: ignore[attr-defined]  # reported twice, to the terminal and to MLflow
    return file.name


def _check_start() -> None:
    """Refuses what would be found only when it is needed, and not by name: no text on the command line, no folder."""
    for word in sys.argv[1:]:
        word.encode("utf-8")
    try:
        Path.cwd(), Path.home()
    except FileNotFoundError:
        raise RegionHeadsError("the working folder was deleted or moved; change into another and try again") from None
    except RuntimeError:  # as where a container runs as a user of its own number
        raise RegionHeadsError(
            "expected a home folder, found none; set HOME to a folder for this user's files"
        ) from None


@contextlib.contextmanager
def _ended_in_good_order() -> Iterator[None]:
    """Lets what ends a pod, or a lost terminal, run every ``finally``, so that nothing half-written stays."""
    raising, logging.raiseExceptions = logging.raiseExceptions, False

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # once is enough; it must not break off what puts things in order
        raise SystemExit(128 + number)

    caught = []
    if threading.current_thread() is threading.main_thread():
        # Not where it is ignored, as under nohup.
        caught = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for one in caught:
        signal.signal(one, stop)
    try:
        yield
    finally:
        logging.raiseExceptions = raising
        for one in caught:
            signal.signal(one, signal.SIG_DFL)
