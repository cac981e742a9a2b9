"""Batches of whole images: their questions share one pass through the vision tower."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

Key = tuple[int, int]
"""(epoch, row): the data set draws its augmentation from it, so that workers need not be told the epoch."""


class ImageBatchSampler(Sampler[list[Key]]):
    """Yields keys of ``images_per_batch`` images at a time, in an order drawn from (seed, epoch).

    Args:
        images: The image of each row.
        images_per_batch: Images in a batch; the last batch of an epoch may hold fewer.
        max_questions: Rows of one image in one batch; an image with more is spread over several.
        shuffle: False keeps the order of the rows.
        seed: Seed of the order.
    """

    def __init__(
        self,
        images: Sequence[str],
        *,
        images_per_batch: int,
        max_questions: int = 16,
        shuffle: bool = True,
        seed: int = 0,
    ) -> None:
        rows: defaultdict[str, list[int]] = defaultdict(list)
        for row, image in enumerate(images):
            rows[image].append(row)
        self._groups = [
            group[start : start + max_questions]
            for group in rows.values()
            for start in range(0, len(group), max_questions)
        ]
        self._images_per_batch = images_per_batch
        self._shuffle = shuffle
        self._seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return math.ceil(len(self._groups) / self._images_per_batch)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the order; called by the trainer at the start of each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[Key]]:
        order = np.arange(len(self._groups))
        if self._shuffle:
            np.random.default_rng([self._seed, self.epoch]).shuffle(order)
        for start in range(0, len(order), self._images_per_batch):
            chosen = order[start : start + self._images_per_batch]
            yield [(self.epoch, row) for group in chosen for row in self._groups[group]]
