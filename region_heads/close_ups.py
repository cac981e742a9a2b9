"""Close-ups of regions: a thing that is one patch of the picture has a shape and a gloss in its close-up."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from region_heads import masks

CLOSE_UP = 20
"""Pixels a side."""

_WIDER = 1.25  # side of what is shown, in longer sides of the region: what touches the region is seen, too


def close_up(picture: Image.Image, region: masks.Spans) -> NDArray[np.uint8]:
    """Red, green, blue and the mask (255 where a pixel is covered) around a region, ``[4, CLOSE_UP, CLOSE_UP]``.

    Example:
        >>> from PIL import Image
        >>> from region_heads import masks
        >>> from region_heads.close_ups import close_up
        >>> from region_heads.rle import box_counts
        >>> counts = box_counts((150, 10, 160, 20), height=90, width=160)
        >>> shown = close_up(Image.new("RGB", (160, 90), "red"), masks.spans(counts, height=90, width=160))
        >>> shown.shape, [int(channel.max()) for channel in shown]
        ((4, 20, 20), [255, 0, 0, 255])
    """
    window = masks.around(region, wider=_WIDER)
    colour = np.asarray(picture.resize((CLOSE_UP, CLOSE_UP), Image.Resampling.BILINEAR, box=window))
    covered = masks.coverage(region, rows=CLOSE_UP, columns=CLOSE_UP, window=window).reshape(CLOSE_UP, CLOSE_UP)
    return np.stack([*colour.transpose(2, 0, 1), (255 * covered).round().astype(np.uint8)])
