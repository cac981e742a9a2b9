"""COCO compressed run-length masks, checked before anything is allocated for them.

The counts of a mask are the lengths of its runs, column by column, background first. Each is written in groups
of five bits (characters ``0`` to ``o``, the sixth bit says that more follow, the last group carries the sign),
from the fourth on as the difference to the run before the last. Format: ``rleToString`` in cocoapi's maskApi.c.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 100_000_000
"""Largest picture, in pixels, that a mask may claim to lie in (a 12k x 8k photograph has 96 million)."""

_MAX_GROUPS = 7  # 35 bits: any run of MAX_PIXELS with its sign, and no overflow of int64


def check_size(size: object) -> tuple[int, int]:
    """A mask's ``size`` as ``(height, width)``.

    Raises:
        ValueError: It is not two positive whole numbers, or claims more than :data:`MAX_PIXELS`.
    """
    if not (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        raise ValueError(f"expected size [height, width] of whole numbers above 0, found {_short(size)}")
    height, width = size
    if height * width > MAX_PIXELS:
        raise ValueError(f"expected a size of at most {MAX_PIXELS:,} pixels, found {height} x {width}")
    return height, width


def runs(counts: str) -> NDArray[np.int64]:
    """Lengths of the runs behind compressed ``counts``: int64 ``[R]``, background first, not yet judged.

    Raises:
        ValueError: The text is not such a code.
    """
    try:
        code = np.frombuffer(counts.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise ValueError(f"expected characters '0' to 'o', found {_short(counts)}") from None
    if code.size == 0:
        raise ValueError("expected compressed counts, found an empty string")
    wrong = np.flatnonzero((code < 0) | (code > 63))
    if wrong.size:
        at = int(wrong[0])
        raise ValueError(f"expected characters '0' to 'o', found {counts[at]!r} at position {at}")
    last = np.flatnonzero((code & 32) == 0)
    if last.size == 0 or last[-1] != code.size - 1:
        raise ValueError("expected complete counts, found a code that breaks off")
    first = np.concatenate([[0], last[:-1] + 1])
    groups = last - first + 1
    if int(groups.max()) > _MAX_GROUPS:
        raise ValueError(f"expected runs of at most {_MAX_GROUPS} characters, found {int(groups.max())}")
    place = np.arange(code.size) - np.repeat(first, groups)
    values = np.add.reduceat((code & 31) << (5 * place), first)
    values -= np.where(code[last] & 16, np.int64(1) << (5 * groups), 0)
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    return np.asarray(values, dtype=np.int64)


def check_rle(size: object, counts: object) -> int:
    """Checks one mask; its cost grows with the text, not with the size that the mask claims.

    Returns:
        The mask's area in pixels, at least 1.

    Raises:
        ValueError: With the expected and the found: no size, no counts, runs that are negative or do not add
            up to the picture, or a mask without a pixel.
    """
    height, width = check_size(size)
    if not isinstance(counts, str):
        raise ValueError(f"expected compressed counts (text), found {type(counts).__name__}")  # noqa: TRY004
    lengths = runs(counts)
    if int(lengths.min()) < 0:
        raise ValueError(f"expected runs of 0 pixels or more, found {int(lengths.min())}")
    if int(lengths.max()) > MAX_PIXELS or int(lengths.sum()) != height * width:
        raise ValueError(
            f"expected runs that add up to {height} x {width} = {height * width} pixels, found {int(lengths.sum())}"
        )
    area = int(lengths[1::2].sum())
    if area == 0:
        raise ValueError("expected a mask with at least one pixel, found an empty one")
    return area


def box_counts(box: tuple[float, float, float, float], *, height: int, width: int) -> str:
    """Compressed counts of a filled box.

    Args:
        box: Left, top, right and bottom edge in pixels; a pixel belongs to the box when its centre does.

    Raises:
        ValueError: The box leaves the picture or covers no pixel.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(
            f"expected a box 0 <= left < right <= {width}, 0 <= top < bottom <= {height}, found {list(box)}"
        )
    columns = range(int(np.ceil(left - 0.5)), int(np.ceil(right - 0.5)))
    rows = range(int(np.ceil(top - 0.5)), int(np.ceil(bottom - 0.5)))
    if not columns or not rows:
        raise ValueError(f"expected a box with at least one pixel's centre inside, found {list(box)}")
    from pycocotools import mask as coco

    inside = [len(rows), height - len(rows)]
    lengths = [columns[0] * height + rows[0], *(inside * len(columns))]
    lengths[-1] = height * width - sum(lengths[:-1])
    counts: bytes = coco.frPyObjects({"size": [height, width], "counts": lengths}, height, width)["counts"]
    return counts.decode("ascii")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
