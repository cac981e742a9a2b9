"""What is printed: no control of a terminal that came with the data, and no step that ends of its own output."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import rich.control
from rich.console import Console

from region_heads.errors import CONTROLS

# Rich strips some controls from the texts that it is given, such as "\b"; by this table it shows all of them. What it
# writes of its own, colours and the moves of a progress bar, is added later.
rich.control._CONTROL_STRIP_TRANSLATE.update(CONTROLS)  # type: ignore[arg-type]  # as str.translate takes it


class _Stream(io.TextIOBase):
    """Standard output or error, with controls made visible; what cannot be written is dropped.

    It has no ``buffer``, past which typer would write where the terminal is not UTF-8.
    """

    def __init__(self, stream: TextIO, table: dict[int, str]) -> None:
        self._stream, self._table = stream, table
        self.lost: OSError | None = None
        """Why output was lost, where some was."""

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text.translate(self._table)))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def _attempt(self, call: Callable[[], object]) -> None:
        try:
            call()
        except OSError as error:
            self.lost = self.lost or error
            # What is still to come, from libraries and from Python's own end, must not fail again.
            with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nothing:
                os.dup2(nothing.fileno(), self._stream.fileno())
        except ValueError:  # it was closed
            pass

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a class of io has it as a plain attribute
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


class _Clean(_Stream):
    """What ``print`` and the log write to; rich writes to the stream beneath, for it has cleaned its texts."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, CONTROLS)
        self.rich_proxied_file = _Stream(stream, {})


def plain_console(*, soft_wrap: bool = False) -> Console:
    """A console of rich that takes every text as it is: brackets in the data are no markup.

    Args:
        soft_wrap: Leaves lines as long as they are, with paths that can be copied.
    """
    file = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return Console(file=file, markup=False, highlight=False, soft_wrap=soft_wrap)


def check_output() -> None:
    """For commands whose output is their result.

    Raises:
        SystemExit: The reader has had enough, as `| head`.
        OSError: Output was lost for another reason.
    """
    sys.stdout.flush()
    beneath = getattr(sys.stdout, "rich_proxied_file", None)
    lost = getattr(sys.stdout, "lost", None) or getattr(beneath, "lost", None)
    if isinstance(lost, BrokenPipeError):
        raise SystemExit(1)
    if lost is not None:
        lost.filename = "standard output"
        raise lost


@contextlib.contextmanager
def safe_output() -> Iterator[None]:
    """Inside, nothing that is printed raises: not for a character, a closed pipe or a full disk."""
    before = sys.stdout, sys.stderr
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the process that started this one
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, stream if isinstance(stream, _Stream) else _Clean(stream))
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
