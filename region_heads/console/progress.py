"""The line that a person watches while a step goes through its data: share, rate and time left."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from region_heads.console.terminal import plain_console


class Bar:
    """A progress bar; its length may be in other units than what is counted, as bytes are for records."""

    def __init__(self, progress: Progress, *, doing: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(doing, total=total, counted=0)
        self._counted = 0

    def advance(self, count: int, *, at: float | None = None) -> None:
        """Notes ``count`` more things, and where on the bar that is; without ``at`` the bar counts them, too."""
        self._counted += count
        self._progress.update(self._task, completed=self._counted if at is None else at, counted=self._counted)


class _Rate(ProgressColumn):
    """How many so far, and for each second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        counted, seconds = task.fields["counted"], task.finished_time or task.elapsed or 0.0
        rate = counted / seconds if seconds > 0 else 0.0
        precise = f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"
        return Text(f"{counted:,} {self._unit}, {precise}/s")


@contextmanager
def progress_bar(doing: str, *, total: float | None, unit: str) -> Iterator[Bar]:
    """Shows a bar while the block runs; where there is no terminal, one line at its end.

    Args:
        doing: What is done, e.g. "rendering".
        total: Where the bar ends.
        unit: What is counted, in the plural.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(unit), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=plain_console()) as progress:
        yield Bar(progress, doing=doing, total=total)
