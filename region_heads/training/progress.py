"""The line that a person watches while a model trains."""

import time
from datetime import timedelta
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from transformers import TrainerCallback

from region_heads.console.terminal import plain_console

_EVERY = 60.0  # seconds


class ProgressLine(TrainerCallback):  # type: ignore[misc, unused-ignore]  # transformers is not typed
    """A progress bar with loss and validation score; each score also stays as a line.

    Without a terminal, as in a job's log, there is a line every minute in place of the bar.
    """

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=plain_console(),
        )
        self._loss = ""
        self._console = self._progress.console

    def on_train_begin(self, _args: Any, state: Any, _control: Any, **_others: Any) -> None:
        self._bar = self._progress.add_task("training", total=state.max_steps, completed=state.global_step, note="")
        self._progress.start()
        self._began, self._said, self._first = time.monotonic(), time.monotonic(), state.global_step

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_others: Any) -> None:
        self._progress.update(self._bar, completed=state.global_step, note=self._loss)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said >= _EVERY:
            self._said = now
            left = (now - self._began) / (state.global_step - self._first) * (state.max_steps - state.global_step)
            place = f"step {state.global_step:,} of {state.max_steps:,}"
            self._console.print(f"{place}  {self._loss}  left {timedelta(seconds=round(left))}", soft_wrap=True)

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, float] | None = None, **_others: Any
    ) -> None:
        logs = logs or {}
        if "loss" in logs:
            self._loss = f"loss {logs['loss']:.3f}"
        if "eval_score" in logs:
            tasks = "  ".join(
                f"{name.removeprefix('eval_accuracy/')} {value:.2f}"
                for name, value in logs.items()
                if name.startswith("eval_accuracy/")
            )
            self._console.print(
                f"epoch {state.epoch:4.1f}  {self._loss}  validation S1 {logs['eval_score']:.3f}  {tasks}",
                soft_wrap=True,
            )

    def on_train_end(self, _args: Any, _state: Any, _control: Any, **_others: Any) -> None:
        self._progress.stop()
