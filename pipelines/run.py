"""``make run``: the line through DVC on this machine, its steps counted, and the results at the end.

What the steps print reaches the terminal as it is; what DVC says goes to ``reports/run.log``.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import sys
import time
from collections.abc import Collection
from pathlib import Path

import psutil
from rich.console import Console

from pipelines.summary import print_summary
from region_heads.console.boundary import in_words
from region_heads.console.terminal import plain_console
from region_heads.errors import RegionHeadsError
from region_heads.files.output import write_json
from region_heads.registry.registration.lineage import ROOT

ENDS = ("drift", "visualize", "promote")
"""The last steps; with a data set of one's own, what these need does not include the sample."""

LOG, SECONDS = Path("reports/run.log"), Path("reports/seconds.json")
_EVENT = re.compile(r"(Running stage|Stage) '(\w+)'( is cached)?")


class StepCounter(logging.Handler):
    """Writes a line before each step that DVC comes to, and measures how long the steps take.

    Args:
        steps: Names of all steps to come.
        seconds: What each took when it ran last, where it did.
    """

    def __init__(self, steps: Collection[str], seconds: dict[str, float], console: Console) -> None:
        super().__init__()
        self.seconds, self.changed, self.current = dict(seconds), False, ""
        self._steps, self._left, self._console = len(steps), set(steps), console
        self._started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Takes DVC's messages; only those about steps count."""
        found = _EVENT.match(record.getMessage())
        if found is None or found[2] not in self._left:
            return
        self.finish()
        number, name = self._steps - len(self._left) + 1, found[2]
        self.changed |= found[1] != "Stage" or bool(found[3])
        if found[1] == "Stage":
            self._console.print(f"{number}/{self._steps} {name}: {'as in an earlier run' if found[3] else 'unchanged'}")
        else:
            self._console.print(f"{number}/{self._steps} {name}{self._time_left()}", style="bold cyan")
            self.current, self._started = name, time.monotonic()
        self._left.discard(name)

    def finish(self) -> None:
        """The step that was running is done."""
        if self.current:
            self.seconds[self.current] = round(time.monotonic() - self._started, 1)
        self.current = ""

    def _time_left(self) -> str:
        """Nothing where one of the steps to come has never run here: its time is not known."""
        if not self._left <= self.seconds.keys():
            return ""
        left = sum(self.seconds[name] for name in self._left)
        return f"; all of it: about {f'{left:.0f} s' if left < 90 else f'{left / 60:.0f} min'} left, as last time"


def run_line(console: Console) -> None:
    """Runs every step that has changed.

    Raises:
        RegionHeadsError: A step failed, whose own words are above; or DVC cannot run.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.stage.exceptions import StageCmdFailedError

    LOG.parent.mkdir(exist_ok=True)
    log = logging.FileHandler(LOG, mode="w", encoding="utf-8")
    log.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    counter: StepCounter | None = None
    before = {name: logging.getLogger(name).handlers[:] for name in ("dvc", "dvc_objects", "dvc_data")}
    try:
        with Repo() as repo:
            above = {stage for end in ENDS for stage in repo.stage.collect(end, with_deps=True)}
            steps = [stage.addressing for stage in above if not stage.is_data_source]
            counter = StepCounter(steps, _earlier(), console)
            for name in before:
                logging.getLogger(name).handlers[:] = [log, counter]
            repo.reproduce(list(ENDS))
            counter.finish()
    except DvcException as error:
        why = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        logging.getLogger("dvc").exception("%s", why)
        if counter is not None and isinstance(error.__cause__, StageCmdFailedError):
            if re.search(r"exited with (130|-2)$", why):  # the step had the Ctrl-C of the terminal, too
                raise KeyboardInterrupt from None
            raise RegionHeadsError(
                f"the step {counter.current} did not finish, see above; `make run` goes on from it. DVC's log: {LOG}"
            ) from None
        raise RegionHeadsError(f"DVC: {why}; its log: {LOG}") from None
    except BaseException:
        for step in psutil.Process().children(recursive=True):  # DVC leaves it behind, and its locks open to another
            step.terminate()
        raise
    finally:
        if counter is not None:
            write_json(SECONDS, counter.seconds)
        for name, handlers in before.items():
            logging.getLogger(name).handlers[:] = handlers
        log.close()
    if not counter.changed:
        console.print("Nothing has changed since the last run.")


def _earlier() -> dict[str, float]:
    try:
        return {str(name): float(value) for name, value in json.loads(SECONDS.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):  # nothing but the estimate rests on it
        return {}


if __name__ == "__main__":
    with in_words("run"):
        run_line(plain_console())
        print_summary(
            evaluation=Path("metrics/evaluation.json"),
            promotion=Path("metrics/promotion.json"),
            report=Path("reports/report.html"),
        )
        command = os.path.relpath(Path(sys.executable).parent / "region-heads")
        here = "" if Path.cwd() == ROOT else f"cd {shlex.quote(str(Path.cwd()))} && "
        plain_console(soft_wrap=True).print(
            f"DVC's log: {LOG.absolute()}\n\nNext: a page to ask the model: {here}{command} playground "
            "--model models/region_heads\n      your own data: docs/data.md; after a change in params.yaml: `make run`"
        )
