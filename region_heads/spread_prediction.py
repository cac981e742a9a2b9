"""Answers of a saved model to a long table: in this process, or on the nodes of a Ray cluster where one is named."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from region_heads.errors import RegionHeadsError
from region_heads.files.digests import model_digest
from region_heads.parallel import in_order, on_cluster
from region_heads.prediction import LoadedModel, answerable, by_picture, load, predict
from region_heads.ray_pool import SHARED

_BATCHES = 8
"""Batches in a piece of work: enough that handing it over costs little, few enough that one that is lost does."""


def predict_spread(
    model: Path,
    table: pa.Table,
    dataset: Path,
    *,
    loaded: LoadedModel | None = None,
    depth_scale: float = 0.001,
    without_depth: bool = False,
    batch_size: int = 64,
) -> pa.Table:
    """Answers every question of ``table``, as :func:`~region_heads.prediction.predict`, on a cluster if there is one.

    Batches are the same wherever they are answered, so that the number of nodes changes no answer.

    Args:
        model: Folder of the model; nodes read it.
        loaded: The same, where it is in memory already.

    Raises:
        RegionHeadsError: As ``predict``, or a node does not see the model or a picture.
    """
    if not on_cluster():
        return predict(
            loaded or model, table, dataset, depth_scale=depth_scale, without_depth=without_depth, batch_size=batch_size
        )
    table = answerable((loaded or load(model)).network, table, without_depth=without_depth)
    order = np.array(by_picture(table), np.int64)
    size = batch_size * _BATCHES
    pieces = (table.take(pa.array(order[start : start + size])) for start in range(0, len(order), size))
    answer = _Answer(model.absolute(), model_digest(model), dataset.absolute(), depth_scale, batch_size)
    found = [rows for _, rows in in_order(answer, pieces, processes=1, doing="answering questions", on_gpus=True)]
    return pa.concat_tables(found).take(pa.array(np.argsort(order))) if found else predict(model, table, dataset)


@dataclass(frozen=True)
class _Answer:
    """Answers a piece of a table, on any node that sees the model and the pictures."""

    model: Path
    digest: str
    dataset: Path
    depth_scale: float
    batch_size: int

    def __call__(self, piece: pa.Table) -> pa.Table:
        return predict(
            _held(self.model, self.digest), piece, self.dataset,
            depth_scale=self.depth_scale, without_depth=True, batch_size=self.batch_size,
        )  # fmt: skip


@lru_cache(maxsize=1)
def _held(model: Path, digest: str) -> LoadedModel:
    """The model, loaded once in each process of a node."""
    found = model_digest(model) if model.is_dir() else None
    if found != digest:
        raise RegionHeadsError(
            f"{model}: expected the model with the digest {digest} there, found {found or 'no folder'}; {SHARED}"
        )
    return load(model)
