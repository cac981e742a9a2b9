"""COCO compressed run-length masks, checked before anything is allocated for them.

The counts of a mask are the lengths of its runs, column by column, background first. Each is written in groups
of five bits (characters ``0`` to ``o``, the sixth bit says that more follow, the last group carries the sign),
from the fourth on as the difference to the run before the last. Format: ``rleToString`` in cocoapi's maskApi.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        raise ValueError(f"expected size [height, width] of whole numbers above 0, found {_short(size)}")
    height, width = size
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
    """The area in pixels, at least 1, of a mask that is sound.

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
    distinct = list(dict(zip(keys, masks, strict=True)).items())
    found: dict[tuple[str, str], int | ValueError] = {}
    start = 0
    while start < len(distinct):
        stop, length = start, 0
        while stop < len(distinct) and (stop == start or length <= _AT_ONCE):
            length += len(distinct[stop][0][1])
            stop += 1
        part = distinct[start:stop]
        found |= zip((key for key, _ in part), _areas([mask for _, mask in part]), strict=True)
        start = stop
    return [found[key] for key in keys]


_AT_ONCE = 1 << 17
"""Characters of counts that are decoded together: enough to hide numpy's cost for a call, and 4 MiB for a value."""


def _areas(masks: Sequence[tuple[object, object]]) -> list[int | ValueError]:
    """The masks that look sound are decoded together; each of the others is judged alone, in words."""
    plain = [number for number, (_, counts) in enumerate(masks) if isinstance(counts, str) and counts.isascii()]
    found = dict(_sound(masks, [number for number in plain if 0 < len(str(masks[number][1])) <= _LONGEST]))
    return [found[number] if number in found else _alone(*mask) for number, mask in enumerate(masks)]


def _alone(size: object, counts: object) -> int | ValueError:
    try:
        return check_rle(size, counts)
    except ValueError as error:
        return error


def _sound(masks: Sequence[tuple[object, object]], numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Number and area of each mask among ``numbers`` that is sound beyond doubt."""
    if not numbers:
        return
    texts = [str(masks[number][1]) for number in numbers]
    code = np.frombuffer("".join(texts).encode("ascii"), dtype=np.uint8) - np.uint8(48)  # below '0' it wraps
    ends = np.cumsum([len(text) for text in texts])
    stops = np.flatnonzero((code & 32) == 0)
    first = np.concatenate([[0], stops[:-1] + 1])
    groups = stops - first + 1
    broken = np.concatenate(
        [np.flatnonzero(code > 63), first[groups > _MAX_GROUPS], ends[(code[ends - 1] & 32) > 0] - 1]
    )
    if broken.size:  # they could run on into their neighbours
        out = set(np.searchsorted(ends, broken, side="right").tolist())
        yield from _sound(masks, [number for place, number in enumerate(numbers) if place not in out])
        return
    values = (code[first] & 31).astype(np.int64)
    longer = np.flatnonzero(groups > 1)
    for group in range(1, _MAX_GROUPS):
        values[longer] |= (code[first[longer] + group] & 31).astype(np.int64) << (5 * group)
        longer = longer[groups[longer] > group + 1]
    negative = np.flatnonzero(code[stops] & 16)
    values[negative] -= np.int64(1) << (5 * groups[negative])

    starts = np.searchsorted(stops, np.concatenate([[0], ends[:-1]]))  # each mask's first run
    behind = np.append(starts[1:], values.size)
    lengths = _lengths(values, starts, behind)
    # Sums and differences below are right modulo 2**64, so those of runs within bounds are right.
    sound = (np.minimum.reduceat(lengths, starts) >= 0) & (np.maximum.reduceat(lengths, starts) <= MAX_PIXELS)
    running = _every_second(lengths)
    inside, outside = (_chain_sums(running, starts + first, behind) for first in (1, 0))
    for number, fine, area, rest in zip(numbers, sound.tolist(), inside.tolist(), outside.tolist(), strict=True):
        if fine and area > 0 and _is_size(masks[number][0], area + rest):
            yield number, area


def _is_size(size: object, pixels: int) -> bool:
    try:
        height, width = check_size(size)
    except ValueError:
        return False
    return height * width == pixels


Integers = NDArray[np.int64]


def _every_second(values: Integers) -> Integers:
    """Running sums over every second value."""
    running = np.empty_like(values)
    np.cumsum(values[0::2], out=running[0::2])
    np.cumsum(values[1::2], out=running[1::2])
    return running


def _lengths(values: Integers, starts: Integers, behind: Integers) -> Integers:
    """Differences to run lengths: from the fourth run of a mask on, each counts from the run before the last.

    Within a mask the odd runs form one chain and the even ones from the third another; the first stands alone. A chain
    takes every second value, so that one running sum over all masks serves when each chain's first value is lowered by
    what the sum has gained over the chain before it.
    """
    running = _every_second(values)
    firsts = np.concatenate([chain[chain < behind] for chain in (starts, starts + 1, starts + 2)])
    firsts.sort()
    lowered = values.copy()
    for parity in (0, 1):
        chain = firsts[firsts & 1 == parity]
        lowered[chain] -= np.diff(np.where(chain >= 2, running[np.maximum(chain - 2, 0)], 0), prepend=0)
    return _every_second(lowered)


def _chain_sums(running: Integers, first: Integers, behind: Integers) -> Integers:
    """Sums over every second run of each mask, from its run ``first`` on; 0 where there is none."""
    last = behind - 1 - ((behind - 1 - first) & 1)
    before = np.where(first >= 2, running[np.maximum(first - 2, 0)], 0)
    return np.where(first < behind, running[np.maximum(last, 0)] - before, 0)


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
    text = _text(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _text(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # Python writes no number of some thousand digits
        return f"{type(value).__name__} with a number of thousands of digits"
