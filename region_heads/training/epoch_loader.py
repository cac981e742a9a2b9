"""The loader of a training: it follows the epochs, and has words for what happens in its processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from region_heads.errors import RegionHeadsError


class EpochLoader(DataLoader[Any]):
    """A loader to which the Trainer passes the epoch."""

    def set_epoch(self, epoch: int) -> None:
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]  # always an ImageBatchSampler

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator, which PyTorch's is in effect
        """The batches of the epoch.

        Raises:
            RegionHeadsError: A question cannot be prepared, in the data set's own words.
        """
        try:
            yield from super().__iter__()
        except RegionHeadsError as error:
            # PyTorch puts the traceback of its process ahead of the message.
            raise RegionHeadsError(str(error).rpartition(f"{RegionHeadsError.__name__}: ")[2].strip()) from None
