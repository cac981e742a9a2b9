"""The page of results: runs of several seeds as tables in Markdown, with intervals over questions and over seeds.

A run is a folder ``RUNS/DATA/VARIANT/SEED`` beside ``RUNS/DATA/VARIANT/splits``, as ``benchmarks.results`` makes them.
Every figure is a mean over the seeds. Its interval resamples pictures, each question with the share of the seeds that
answer it right; how far seeds differ stands beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from region_heads.evaluation.intervals import resample_images
from region_heads.evaluation.judged import Judged, judge
from region_heads.evaluation.slice_labels import slice_labels
from region_heads.evaluation.table import interval, share
from region_heads.tasks import TASKS, Task

DEFAULT = "default"
_ALL, _KNOWN, _NEW = "all", "known wordings", "new wordings"
_GENERAL = ("question form", "regions")
"""Slices of every task that say how a question is asked."""


@dataclass(frozen=True)
class Part:
    """Some questions of a task.

    Attributes:
        mean, ci95: Of the accuracy over the seeds; None without questions.
        seeds: The accuracy of each seed.
    """

    n: int
    mean: float | None
    ci95: tuple[float, float] | None
    seeds: list[float]

    def cells(self) -> list[str]:
        """Accuracy, its interval, and the lowest and the highest seed."""
        spread = f"{share(min(self.seeds))}-{share(max(self.seeds))}" if len(self.seeds) > 1 else "-"
        return [share(self.mean), interval(self.ci95), spread if self.n else "-"]


class Runs:
    """All seeds of one variant on one data set.

    Attributes:
        questions: The test questions, as the first seed's run was judged.
        right_SQ: float64 [S, Q], 1 where seed s answers question q right.
    """

    def __init__(self, folder: Path) -> None:
        self.folders = sorted(_finished(folder, "*"), key=lambda run: int(run.name))
        test = pq.read_table(folder / "splits" / "test.parquet")
        judged = [judge(test, pq.read_table(run / "predictions.parquet")) for run in self.folders]
        self.questions: Judged = judged[0]
        self.right_SQ = np.stack([one.correct for one in judged]).astype(np.float64)
        self.evaluation: dict[str, Any] = _read(self.folders[0] / "evaluation.json")
        self.minutes = [_read(run / "model" / "training.json")["seconds"] / 60 for run in self.folders]
        self._masks = dict(self._parts())
        self._columns = {name: number for number, name in enumerate(self._masks)}
        masks_QK = np.stack(list(self._masks.values()), axis=1).astype(np.float64)
        means_QK = np.repeat(self.right_SQ.mean(axis=0)[:, None], masks_QK.shape[1], axis=1)
        self._resampled = resample_images(means_QK, masks_QK, self.questions.images)

    def _parts(self) -> Iterator[tuple[tuple[str, str], npt.NDArray[np.bool_]]]:
        """Task and part, and which questions they are; of slices only those that a task has of its own."""
        questions = self.questions
        labels = slice_labels(questions.tasks.tolist(), questions.rows)
        for task in TASKS:
            mine = questions.of(task)
            yield (task.name, _ALL), mine
            yield (task.name, _KNOWN), mine & ~questions.novel
            yield (task.name, _NEW), mine & questions.novel
            for name in (*task.slices, *_GENERAL):
                text = np.array([label or "" for label in labels[name]], dtype=np.str_)
                for label in sorted(set(text[mine].tolist()) - {""}):
                    yield (task.name, f"{name}: {label}"), mine & (text == label)

    def part(self, task: Task, name: str) -> Part:
        """One part of a task's questions."""
        mask, column = self._masks[task.name, name], self._columns[task.name, name]
        if not mask.any():
            return Part(0, None, None, [])
        of_seeds = self.right_SQ[:, mask].mean(axis=1).tolist()
        return Part(int(mask.sum()), float(self._resampled.point[column]), self._resampled.interval(column), of_seeds)

    def score(self, name: str) -> Part:
        """S1 of a part of the questions: the mean of the tasks' accuracies."""
        parts = [part for task in TASKS if (part := self.part(task, name)).n]
        mean = self._resampled.mean_of([self._columns[task.name, name] for task in TASKS])
        of_seeds = np.mean([part.seeds for part in parts], axis=0).tolist() if parts else []
        return Part(sum(part.n for part in parts), mean and mean[0], mean and mean[1], of_seeds)

    def names(self, task: Task) -> list[str]:
        """The task's slices."""
        return [name for of, name in self._masks if of == task.name and name not in (_ALL, _KNOWN, _NEW)]

    def gain(self, other: Runs) -> tuple[float, tuple[float, float]] | None:
        """How much higher S1 is here than in ``other``, paired by question; None where they were asked others."""
        if other.questions.ids != self.questions.ids:
            return None
        masks_QK = np.stack([self._masks[task.name, _ALL] for task in TASKS], axis=1).astype(np.float64)
        change_Q = self.right_SQ.mean(axis=0) - other.right_SQ.mean(axis=0)
        found = resample_images(np.repeat(change_Q[:, None], len(TASKS), axis=1), masks_QK, self.questions.images)
        low, high = np.nanpercentile(np.nanmean(found.samples, axis=1), [2.5, 97.5])
        return float(np.nanmean(found.point)), (float(low), float(high))


def page(folder: Path) -> str:
    """Every data set and variant of ``folder`` as a page in Markdown.

    Raises:
        SystemExit: There is no finished run.
    """
    found: dict[str, dict[str, Runs]] = {}
    for variant in sorted({run.parent for run in _finished(folder, "*/*/*")}):
        found.setdefault(variant.parent.name, {})[variant.name] = Runs(variant)
    if not found:
        raise SystemExit(f"{folder}: expected DATA/VARIANT/SEED/evaluation.json, found none; run `train` first")
    return "\n".join(
        ["# Results", "", _ABOUT, *(line for name, runs in found.items() for line in _chapter(name, runs))]
    )


_ABOUT = """\
Written by `python -m benchmarks.results`, which trains what it reports; nothing here is typed by hand. Accuracies are
those of the official rule, as means over the seeds. *95 %* resamples pictures; *seeds* are the lowest and the highest;
*trivial* is the best answer that looks at no picture. Known wordings are those that training holds, too. S1 is the mean
of the tasks.
"""


def _chapter(name: str, variants: dict[str, Runs]) -> Iterator[str]:
    yield f"## {name}\n"
    main = variants.get(DEFAULT) or next(iter(variants.values()))
    tasks = [task for task in TASKS if main.part(task, _ALL).n]
    number = len(main.folders)
    about = f"{number} {'seed' if number == 1 else 'seeds'} of {main.folders[0].parent.name}"
    yield f"{about}, {np.mean(main.minutes):.1f} minutes a training.\n"
    yield from _head("task", "questions", "accuracy", "95 %", "seeds", "trivial", _KNOWN, _NEW, "95 %", "seeds")
    for task in tasks:
        whole, new = main.part(task, _ALL), main.part(task, _NEW)
        trivial = share(main.evaluation["tasks"][task.name]["baseline"])
        yield _row(task.name, whole.n, *whole.cells(), trivial, share(main.part(task, _KNOWN).mean), *new.cells())
    baselines = [main.evaluation["tasks"][task.name]["baseline"] for task in tasks]
    trivial = "-" if None in baselines else share(float(np.mean(baselines)))
    whole, new = main.score(_ALL), main.score(_NEW)
    yield _row("**S1**", whole.n, *whole.cells(), trivial, share(main.score(_KNOWN).mean), *new.cells())
    yield "\n### By the form of the question\n"
    yield from _head("task", "form", "questions", "accuracy", "95 %", "seeds")
    for task in tasks:
        for form in main.names(task):
            part = main.part(task, form)
            yield _row(task.name, form, part.n, *part.cells())
    yield ""
    if len(variants) > 1:
        yield from _compared(main, variants)


def _compared(main: Runs, variants: dict[str, Runs]) -> Iterator[str]:
    yield "### Variants\n"
    tasks = [task.name for task in TASKS]
    yield from _head("variant", "S1", "95 %", "seeds", "change", "95 %", *tasks, _NEW, "minutes")
    for name, runs in variants.items():
        gain = None if runs is main else runs.gain(main)
        change = ["-", "-"] if gain is None else [f"{gain[0]:+.3f}", f"{gain[1][0]:+.3f} to {gain[1][1]:+.3f}"]
        means = [share(runs.part(task, _ALL).mean) for task in TASKS]
        last = [share(runs.score(_NEW).mean), f"{np.mean(runs.minutes):.1f}"]
        yield _row(name, *runs.score(_ALL).cells(), *change, *means, *last)
    yield ""


def _finished(folder: Path, runs: str) -> Iterator[Path]:
    """The runs that were judged; MLflow's store beside them holds files of the same name, but no predictions."""
    for file in folder.glob(f"{runs}/evaluation.json"):
        if (file.parent / "predictions.parquet").exists():
            yield file.parent


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|" + "---|" * len(names)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
