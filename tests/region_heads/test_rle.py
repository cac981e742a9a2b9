"""Run-length masks are judged without decoding them, and in agreement with pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pycocotools import mask as coco

from region_heads.rle import areas, box_counts, check_rle

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
