"""COCO compressed run-length masks, checked before anything is allocated for them.

The counts of a mask are the lengths of its runs, column by column, background first. Each is written in groups
of five bits (characters ``0`` to ``o``, the sixth bit says that more follow, the last group carries the sign),
from the fourth on as the difference to the run before the last. Format: ``rleToString`` in cocoapi's maskApi.c.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 100_000_000
"""Largest picture, in pixels, that a mask may claim to lie in (a 12k x 8k photograph has 96 million)."""

MAX_SIDE = 65_535
"""Longest side of such a picture, as JPEG bounds it: work on a mask grows with the columns that it crosses."""

_MAX_GROUPS = 7  # 35 bits: any run of MAX_PIXELS with its sign, and no overflow of int64

_LONGEST = 1 << 22  # characters; the mask of a thing has thousands


def check_size(size: object) -> tuple[int, int]:
    """A mask's ``size`` as ``(height, width)``.

    Raises:
        ValueError: It is not two positive whole numbers, or beyond :data:`MAX_SIDE` or :data:`MAX_PIXELS`.
    """
    if not (
        isinstance(size, list | tuple)
        and len(size) == 2
        and all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        raise ValueError(f"expected size [height, width] of whole numbers above 0, found {_short(size)}")
    height, width = map(int, size)
    if height * width > MAX_PIXELS or max(size) > MAX_SIDE:
        found = f"{height} x {width}" if max(size) < 10**20 else "a number of more than 20 digits"
        raise ValueError(f"expected a size of at most {MAX_PIXELS:,} pixels, {MAX_SIDE:,} a side, found {found}")
    return height, width


def runs(size: object, counts: object) -> NDArray[np.int64]:
    """Lengths of the runs of a mask: int64 ``[R]``, background first, each at most the picture, and in all the picture.

    Its cost grows with the text, not with the size that the mask claims.

    Raises:
        ValueError: With the expected and the found: no size, no counts, or runs that are negative or do not add up
            to the picture.
    """
    height, width = check_size(size)
    if not isinstance(counts, str):
        raise ValueError(f"expected compressed counts (text), found {type(counts).__name__}")  # noqa: TRY004 - bad data
    if len(counts) > _LONGEST:
        raise ValueError(f"expected counts of at most {_LONGEST:,} characters, found {len(counts):,}")
    lengths = _decoded(counts)
    if int(lengths.min()) < 0:
        raise ValueError(f"expected runs of 0 pixels or more, found {int(lengths.min())}")
    # The longest run first: int64 holds the sum of all that the longest text can hold only where each is in bounds.
    pixels, longest = height * width, int(lengths.max())
    if longest > pixels or int(lengths.sum()) != pixels:
        found = f"a run of {longest}" if longest > pixels else int(lengths.sum())
        raise ValueError(f"expected runs that add up to {height} x {width} = {pixels} pixels, found {found}")
    return lengths


def _decoded(counts: str) -> NDArray[np.int64]:
    """What the text ``counts`` says, not yet judged: no run of it, nor what leads to it, overflows int64."""
    try:
        code = np.frombuffer(counts.encode("ascii"), dtype=np.uint8) - np.uint8(48)  # what is below '0' wraps
    except UnicodeEncodeError:
        raise ValueError(f"expected characters '0' to 'o', found {_short(counts)}") from None
    if code.size == 0:
        raise ValueError("expected compressed counts, found an empty string")
    if code.max() > 63:
        at = int(np.argmax(code > 63))
        raise ValueError(f"expected characters '0' to 'o', found {counts[at]!r} at position {at}")
    if code[-1] & 32:
        raise ValueError("expected complete counts, found a code that breaks off")
    last = np.flatnonzero(code < 32)
    groups = last + 1
    groups[1:] -= groups[:-1].copy()
    if groups.max() > _MAX_GROUPS:
        raise ValueError(f"expected runs of at most {_MAX_GROUPS} characters, found {groups.max()}")
    # From the last group, which carries the sign, towards the first.
    values = (code[last] ^ 16).astype(np.int64) - 16
    longer, back = np.flatnonzero(groups > 1), 1
    while longer.size:
        values[longer] = values[longer] << 5 | code[last[longer] - back] & 31
        back += 1
        longer = longer[groups[longer] > back]
    values[1::2] = values[1::2].cumsum()
    values[2::2] = values[2::2].cumsum()
    return values


def check_rle(size: object, counts: object) -> int:
    """The area in pixels, at least 1, of a valid mask.

    Raises:
        ValueError: As :func:`runs`, or a mask without a pixel.
    """
    area = int(runs(size, counts)[1::2].sum())
    if area == 0:
        raise ValueError("expected a mask with at least one pixel, found an empty one")
    return area


def areas(masks: Sequence[tuple[object, object]]) -> list[int | ValueError]:
    """:func:`check_rle` of many masks at once: each one's area, or the error that says what is wrong with it.

    A mask that stands several times, as where questions ask about the same objects of a picture, is judged once.

    Args:
        masks: Size and counts of each mask.
    """
    keys = [(_text(size), counts if isinstance(counts, str) else _text(counts)) for size, counts in masks]
    found = {key: _area(*mask) for key, mask in dict(zip(keys, masks, strict=True)).items()}
    return [found[key] for key in keys]


def _area(size: object, counts: object) -> int | ValueError:
    try:
        return check_rle(size, counts)
    except ValueError as error:
        return error


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


def mask_counts(mask: NDArray[np.bool_]) -> str:
    """Compressed counts of a mask, bool ``[height, width]``."""
    from pycocotools import mask as coco

    counts: bytes = coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return counts.decode("ascii")


def _short(value: object) -> str:
    text = _text(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no number of some thousand digits
        return f"{type(value).__name__} with a number of thousands of digits"
