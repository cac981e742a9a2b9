"""Run-length masks are judged without decoding them, and in agreement with pycocotools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pycocotools import mask as coco

from region_heads.evaluation.slices import smallest_mask
from region_heads.masks import decode, spans
from region_heads.rle import areas, box_counts, check_rle
from region_heads.tasks.slices import Row

masks = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.integers(0, 1))


def encode(mask: NDArray[np.uint8]) -> str:
    counts: str = coco.encode(np.asfortranarray(mask))["counts"].decode()
    return counts


@given(masks)
def test_the_area_is_that_of_the_decoded_mask(mask: NDArray[np.uint8]) -> None:
    size = list(mask.shape)
    if mask.any():
        assert check_rle(size, encode(mask)) == mask.sum()
    else:
        with pytest.raises(ValueError, match=r"expected a mask with at least one pixel, found an empty one"):
            check_rle(size, encode(mask))


@given(masks, st.integers(1, 5))
def test_another_size_than_the_masks_own_is_refused(mask: NDArray[np.uint8], more: int) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        check_rle([mask.shape[0] + more, mask.shape[1]], encode(mask))


@given(st.text(max_size=30), st.integers(1, 40), st.integers(1, 40))
def test_any_text_is_either_a_mask_that_decodes_to_its_area_or_refused(counts: str, height: int, width: int) -> None:
    try:
        area = check_rle([height, width], counts)
    except ValueError as error:
        assert str(error).startswith("expected ")
        return
    assert coco.decode({"size": [height, width], "counts": counts}).sum() == area


sound = masks.map(lambda mask: (list(mask.shape), encode(mask)))
damaged = st.tuples(
    st.one_of(st.none(), st.lists(st.integers(0, 40), max_size=3)),
    st.one_of(st.none(), st.text(max_size=20), st.text("0o_P`lO10", max_size=40)),
)


@given(st.lists(st.one_of(sound, damaged), max_size=12))
def test_many_masks_at_once_are_judged_like_each_alone(several: list[tuple[object, object]]) -> None:
    def alone(size: object, counts: object) -> int | str:
        try:
            return check_rle(size, counts)
        except ValueError as error:
            return str(error)

    together = [str(one) if isinstance(one, ValueError) else one for one in areas(several)]
    assert together == [alone(*mask) for mask in several]


def plain_runs(counts: str) -> list[int]:
    """What a code says, by Python's own integers: nothing can overflow."""
    lengths: list[int] = []
    value = groups = 0
    for letter in counts:
        group = ord(letter) - 48
        value |= (group & 31) << 5 * groups
        groups += 1
        if not group & 32:
            value -= 1 << 5 * groups if group & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = groups = 0
    return lengths


def written(lengths: list[int]) -> str:
    """The code of any whole numbers as run lengths."""
    text = ""
    for place, length in enumerate(lengths):
        value, more = length - (lengths[place - 2] if place > 2 else 0), True
        while more:
            group, value = value & 31, value >> 5
            more = value != (-1 if group & 16 else 0)
            text += chr(48 + group + 32 * more)
    return text


jumps = st.integers(-(1 << 34), (1 << 34) - 1) | st.integers(-9, 99)
far = st.lists(jumps, min_size=1, max_size=40).map(
    lambda steps: [sum(steps[at % 2 : at + 1 : 2]) for at in range(len(steps))]
)


@given(far, st.sampled_from([0, 1, 480, 90 * 160, (1 << 32) + 5]), st.integers(0, 3))
def test_runs_are_judged_as_plain_integers_are(lengths: list[int], total: int, power: int) -> None:
    """Also where they add up to the picture only modulo a power of two, by a last run that makes up for the rest."""
    lengths = [*lengths, total + (power << 32 * (power % 2 + 1)) - sum(lengths)]
    for counts in (written(lengths), written(lengths[:-1])):
        real = plain_runs(counts)
        sound = min(real) >= 0 and sum(real) == 90 * 160 and sum(real[1::2]) > 0
        (found,) = areas([([90, 160], counts)])
        assert (found == sum(real[1::2])) if sound else isinstance(found, ValueError)
        if not sound and (min(real) < 0 or sum(real) != 90 * 160):
            with pytest.raises(ValueError, match="expected"):
                spans(counts, height=90, width=160)


@pytest.fixture(scope="module")
def overflowing() -> str:
    """Runs without a negative one that add up to 90 x 160 pixels and 2**64: each chain falls by 2**34 from a peak."""
    step, target, lengths, total = 1 << 34, (1 << 64) + 480, [0], 0
    run = 0
    while total < target:
        rest = target - total
        # The highest next run from which what is still to come can fall to 0 without passing the target.
        low, high = max(0, run - step), run + step - 1
        while low < high:
            middle = (low + high + 1) // 2
            falls = max(0, (middle - 1) // step)
            low, high = (
                (middle, high) if middle * (falls + 1) - step * falls * (falls + 1) // 2 <= rest else (low, middle - 1)
            )
        run, total = low, total + low
        lengths += [run, 0]
    lengths[-1] = 90 * 160 - 480
    return written(lengths)


def test_runs_that_add_up_only_modulo_the_machines_integers_are_refused(overflowing: str) -> None:
    real = plain_runs(overflowing)
    assert min(real) >= 0
    assert sum(real) == 90 * 160 + (1 << 64)
    size = [90, 160]
    other = written([100, 480, 90 * 160 - 580])
    found = areas([(size, other), (size, overflowing), (size, other)])
    assert (found[0], found[2]) == (480, 480)
    assert isinstance(found[1], ValueError)
    row = Row(image="", question="", rle=[overflowing], height=90, width=160, truth=1, has_depth=False)
    uses: list[Callable[[], object]] = [
        lambda: check_rle(size, overflowing), lambda: spans(overflowing, height=90, width=160),
        lambda: decode(overflowing, height=90, width=160), lambda: smallest_mask(row),
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(ValueError, match="expected runs that add up to 90 x 160 = 14400 pixels, found a run of"):
            use()


@pytest.mark.parametrize("size", [[1, 10**8], [10**5000, 5], [2**64, 2**64], [True, 5], [3.0, 4]])
def test_a_size_out_of_bounds_is_refused_before_work_is_done_for_it(size: list[int]) -> None:
    whole = written([0, 10**8])
    (found,) = areas([(size, whole)])
    assert str(found).startswith("expected ")
    with pytest.raises(ValueError, match="expected"):
        check_rle(size, whole)


def test_a_text_that_is_longer_than_any_mask_is_refused_as_it_is() -> None:
    found = areas([([2, 2], "1" * 5_000_000), ([2, 2], "04")])
    assert "at most 4,194,304 characters" in str(found[0])
    assert found[1] == 4


@pytest.mark.parametrize("size", [None, [], [3], [3, 4, 5], [0, 4], [-1, 4], [1 << 20, 1 << 20]])
def test_a_size_that_is_none_is_refused(size: list[int] | None) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        check_rle(size, "04")


@given(st.integers(0, 30), st.integers(0, 20), st.integers(1, 10), st.integers(1, 10))
def test_a_box_becomes_the_mask_of_its_pixels(left: int, top: int, width: int, height: int) -> None:
    counts = box_counts((left, top, left + width, top + height), height=30, width=40)
    mask = coco.decode({"size": [30, 40], "counts": counts})
    expected = np.zeros((30, 40), dtype=np.uint8)
    expected[top : top + height, left : left + width] = 1
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (50, 50, 60, 60), (float("nan"), 0, 5, 5)])
def test_a_box_without_a_pixel_is_refused(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"expected"):
        box_counts(box, height=30, width=40)
