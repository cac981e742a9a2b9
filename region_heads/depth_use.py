"""Depth in training and in use: what a model was trained with, its use has too, or is allowed to lack."""

import logging

import pyarrow as pa

from region_heads.errors import RegionHeadsError

_log = logging.getLogger(__name__)


def depth_share(table: pa.Table) -> float:
    """Share of the pictures of ``table`` that have a depth image, 0..1."""
    if "depth" not in table.column_names or table.num_rows == 0:
        return 0.0
    depths = dict(zip(table["image"].to_pylist(), table["depth"].to_pylist(), strict=True))
    return sum(depth is not None for depth in depths.values()) / len(depths)


def lacking(trained: float | None, used: float) -> str | None:
    """What a model expects of depth where it is given to less than half as many pictures as in training, else None.

    So single pictures may lack it, and not the use as a whole.

    Args:
        trained: ``depth_share`` of its configuration. A model that does not record it (saved by an older version, or
            by a training of one's own) is assumed to have been trained with depth throughout.
        used: Share of the pictures that it is asked about which have a depth image.
    """
    if used >= (1.0 if trained is None else trained) / 2:
        return None
    if trained is None:
        return "depth images, with which a model that records nothing about them is assumed to have been trained"
    return f"depth images, which {trained:.0%} of the pictures had that the model was trained on"


def fitted(table: pa.Table, trained: float | None, *, without_depth: bool) -> pa.Table:
    """``table`` with the depth images that a model can use: none, where it was trained on none.

    Args:
        trained: As in :func:`lacking`.
        without_depth: Allows what lacks, and does not report it.

    Raises:
        RegionHeadsError: Depth lacks, and this is not allowed.
    """
    used = depth_share(table)
    if trained == 0 and used:
        _log.warning("The depth images are left out: the model was trained without any")
        return table.drop_columns(["depth"])
    if without_depth or table.num_rows == 0 or trained == 0:
        return table
    missing = lacking(trained, used)
    if missing is not None:
        raise RegionHeadsError(
            f"expected {missing}, found them for {used:.0%} of the pictures; give them (data.depths, --depths), or "
            "allow it by --without-depth, in a step by its setting without_depth: the answers are then less accurate"
        )
    if used < 1:
        _log.warning(f"{1 - used:.1%} of the pictures have no depth image; answers about them are less accurate")
    return table
