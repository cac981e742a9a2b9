"""Masks to patch coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from region_heads.masks import Mask, Spans, around, coverage, decode, hull, spans


def region(mask: Mask) -> Spans:
    """The region behind a mask, by way of its COCO counts."""
    height, width = mask.shape
    counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    return spans(counts, height=height, width=width)


def drawn(enclosed: Spans) -> Mask:
    """Pixels whose centres lie in the spans."""
    picture = np.zeros((enclosed.height, enclosed.width), dtype=bool)
    for column, top, bottom in zip(enclosed.column, enclosed.top, enclosed.bottom, strict=True):
        centres = np.arange(enclosed.height) + 0.5
        picture[(top <= centres) & (centres <= bottom), column] = True
    return picture


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_decoding_gives_back_the_mask(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert np.array_equal(decode(counts, height=height, width=width), mask)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_spans_are_the_pixels_of_the_mask(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    mask[height // 2, width // 2] = True
    found = region(mask)
    rows, columns = found.pixels()
    again = np.zeros_like(mask)
    again[rows, columns] = True
    assert np.array_equal(again, mask)
    assert found.area == len(rows) == mask.sum()


def test_damaged_counts_are_reported() -> None:
    with pytest.raises(ValueError, match=r"expected runs that add up to 4 x 5 = 20 pixels, found 9"):
        spans(coco.encode(np.asfortranarray(np.ones((3, 3), np.uint8)))["counts"].decode(), height=4, width=5)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_the_mean_coverage_is_the_share_of_the_image(
    height: int, width: int, rows: int, columns: int, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    mask[0, 0] = True
    covered = coverage(region(mask), rows=rows, columns=columns)
    assert covered.shape == (rows * columns,)
    assert covered.min() >= 0
    assert covered.max() <= 1 + 1e-5
    assert covered.mean() == pytest.approx(mask.mean(), abs=1e-5)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_coverage_is_decoding_and_area_averaging(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    """Also where the edges of cells fall between pixels: each pixel is cut into rows x columns parts."""
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    mask[0, 0] = True
    code = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    fine = np.repeat(np.repeat(coco.decode(code), rows, axis=0), columns, axis=1)
    expected = fine.reshape(rows, height, columns, width).mean((1, 3)).reshape(-1)
    found = coverage(spans(code["counts"].decode(), height=height, width=width), rows=rows, columns=columns)
    assert np.allclose(found, expected, atol=1e-5)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.data())
def test_coverage_of_a_window_is_that_of_the_picture_cut_to_it(
    height: int, width: int, seed: int, data: st.DataObject
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    mask[top, left] = True
    found = coverage(region(mask), rows=5, columns=7, window=(left, top, right, bottom))
    assert np.allclose(found, coverage(region(mask[top:bottom, left:right]), rows=5, columns=7), atol=1e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.floats(1, 3), st.integers(0, 2**32 - 1))
def test_what_is_around_a_region_holds_it_and_lies_in_the_picture(
    height: int, width: int, wider: float, seed: int
) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.1
    mask[height // 2, width // 2] = True
    left, top, right, bottom = around(region(mask), wider=wider)
    rows, columns = np.nonzero(mask)
    assert 0 <= left <= columns.min() < columns.max() + 1 <= right <= width + 1e-9
    assert 0 <= top <= rows.min() < rows.max() + 1 <= bottom <= height + 1e-9
    side = wider * max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert (right - left, bottom - top) == (pytest.approx(min(side, width)), pytest.approx(min(side, height)))


@given(st.integers(1, 1080), st.integers(1, 1920), st.data())
def test_a_single_pixel_is_never_lost(height: int, width: int, data: st.DataObject) -> None:
    mask = np.zeros((height, width), dtype=bool)
    mask[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True
    assert coverage(region(mask), rows=12, columns=12).sum() > 0


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_a_hull_encloses_its_mask_and_nothing_outside_its_box(height: int, width: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.2
    mask[height // 2, width // 2] = True
    enclosed = drawn(hull(region(mask)))
    ys, xs = np.nonzero(mask)
    inside = np.zeros_like(mask)
    inside[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1] = True
    assert not (mask & ~enclosed).any()
    assert not (enclosed & ~inside).any()


def test_what_stands_in_an_area_is_inside_its_hull() -> None:
    area = np.zeros((40, 60), dtype=bool)
    area[5:35, 10:50] = True
    hidden = area.copy()
    hidden[15:25, 20:30] = False
    assert np.array_equal(drawn(hull(region(hidden))), area)
