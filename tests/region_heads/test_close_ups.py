"""Close-ups of regions: colour and mask around each, whatever the region's size."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from region_heads.close_ups import CLOSE_UP, close_up
from region_heads.masks import spans


@given(st.integers(4, 60), st.integers(4, 60), st.data())
def test_a_red_region_on_blue_is_red_where_its_mask_is(height: int, width: int, data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, width - 3)), data.draw(st.integers(0, height - 3))
    right, bottom = data.draw(st.integers(left + 3, width)), data.draw(st.integers(top + 3, height))
    shorter, longer = sorted((right - left, bottom - top))
    assume(8 * shorter >= longer)  # a thinner one covers no pixel of its close-up wholly
    picture, mask = Image.new("RGB", (width, height), "blue"), np.zeros((height, width), np.uint8)
    picture.paste("red", (left, top, right, bottom))
    mask[top:bottom, left:right] = 1
    counts = coco.encode(np.asfortranarray(mask))["counts"].decode()
    shown = close_up(picture, spans(counts, height=height, width=width))
    assert shown.shape == (4, CLOSE_UP, CLOSE_UP)
    red, _, blue, covered = shown.astype(int)
    assert red[covered > 160].mean() > blue[covered > 160].mean()
    if (covered < 96).any():
        assert blue[covered < 96].mean() > red[covered < 96].mean()
