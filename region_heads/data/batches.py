"""Batches of whole images: their questions share one pass through the vision tower and one image prefix."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from region_heads.errors import RegionHeadsError

Key = tuple[int, int]
"""(epoch, row): the data set draws its augmentation from it, so that workers need not know the epoch.

A row below 0, ``~row``, is that question as a stand-in: it fills a batch that would be empty, and teaches nothing.
"""


class ImageBatchSampler(Sampler[list[Key]]):
    """Yields keys of ``images_per_batch`` images at a time, in an order drawn from (seed, epoch).

    The images of an epoch are first shared out to optimiser steps and then, within a step, to ranks and accumulated
    batches. How a step is shared out changes neither the number of steps nor what is in them, and every rank has the
    same number of batches: where a step has fewer images than batches, the others hold a stand-in (see :data:`Key`).

    Args:
        images: The image of each row.
        tasks: The task of each row, for ``temperature``.
        images_per_batch: Images in a batch at most.
        max_questions: Rows of one image in one batch; an image with more is spread over several.
        temperature: Questions of a task come in proportion to ``n ** temperature`` of their number ``n``: 1 takes each
            once an epoch, 0 takes all tasks equally often. An epoch's number of questions stays what it is; some come
            more than once, others not in every epoch.
        shuffle: False keeps the order of the rows.
        seed: Seed of the order.
        rank, ranks: Which part of each step is yielded.
        accumulated: Batches of an optimiser step on each rank.

    Raises:
        RegionHeadsError: Fewer images than batches of one step.
    """

    def __init__(
        self,
        images: Sequence[str],
        tasks: Sequence[str] | None = None,
        *,
        images_per_batch: int,
        max_questions: int = 16,
        temperature: float = 1.0,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        accumulated: int = 1,
    ) -> None:
        self._repeats = repeats(tasks, temperature) if tasks is not None else np.ones(len(images))
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, image in enumerate(images):
            rows[image].append(row)
        self._rows = [np.array(group) for group in rows.values()]
        self._groups = [max(1, math.ceil(self._repeats[group].sum() / max_questions - 1e-9)) for group in self._rows]
        self._parts = ranks * accumulated
        total = sum(self._groups)
        if total < self._parts:
            raise RegionHeadsError(
                f"expected at least {self._parts} groups of an image's questions, one for each of {ranks} ranks x "
                f"{accumulated} accumulated batches, found {total}; lower finetune.gradient_accumulation_steps, or "
                "train on fewer ranks"
            )
        self._steps = math.ceil(total / (self._parts * images_per_batch))
        self._shuffle, self._seed, self._rank, self._ranks = shuffle, seed, rank, ranks
        self.epoch = 0

    def __len__(self) -> int:
        return int(self._steps * self._parts // self._ranks)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order; called by the trainer at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        random = np.random.default_rng([self._seed, self.epoch])
        groups = [
            part
            for rows, count in zip(self._rows, self._groups, strict=True)
            for part in np.array_split(self._draw(rows, count, random), count)
        ]
        order = np.arange(len(groups))
        if self._shuffle:
            random.shuffle(order)
        for step in np.array_split(order, self._steps):
            for batch in np.array_split(step, self._parts)[self._rank :: self._ranks]:
                rows = [int(row) for group in batch for row in groups[group]]
                yield [(self.epoch, row) for row in rows or [~int(groups[step[0]][0])]]

    def _draw(self, rows: NDArray[np.int64], least: int, random: np.random.Generator) -> NDArray[np.int64]:
        whole, part = np.divmod(self._repeats[rows], 1)
        if not part.any():
            return np.repeat(rows, whole.astype(int))
        drawn = np.repeat(rows, (whole + (random.random(len(rows)) < part)).astype(int))
        # An image always comes, so that all epochs have the same number of steps, on all ranks.
        return drawn if len(drawn) >= least else random.choice(rows, least)


def repeats(tasks: Sequence[str], temperature: float) -> NDArray[np.float64]:
    """How often each row comes in an epoch, on average, at a temperature (see :class:`ImageBatchSampler`)."""
    counts = Counter(tasks)
    wanted = {task: count**temperature for task, count in counts.items()}
    scale = len(tasks) / max(sum(wanted.values()), 1e-12)
    return np.array([round(scale * wanted[task] / counts[task], 9) for task in tasks])
