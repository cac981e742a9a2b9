"""Sizes and grids of pictures are those of the families' own rules, and regions lie where the tower sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import LlavaNextProcessor
from transformers.image_processing_utils import get_patch_output_size, select_best_resolution
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

from region_heads.data.images import Scene
from region_heads.image_format import ImageFormat
from region_heads.rle import box_counts

CANVASES = ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008))
NEAREST = ImageFormat(unit=448, stride=28, max_pixels=12 * 448**2, overview=True, tiling="nearest shape")
PADDED = ImageFormat(unit=336, stride=14, max_pixels=672**2, overview=True, tiling="padded", canvases=CANVASES)
SIZES = [(height, width) for height in (20, 100, 333, 360, 1080, 1081) for width in (33, 100, 640, 997, 1920)]


@pytest.mark.parametrize("most", [1, 6, 12])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_are_in_the_arrangement_of_internvls_own_rule(height: int, width: int, most: int) -> None:
    image = ImageFormat(unit=448, stride=28, max_pixels=most * 448**2, overview=True, tiling="nearest shape")
    columns, rows = get_optimal_tiled_canvas((height, width), (448, 448), 1, most)
    assert image.size(height, width) == (rows * 448, columns * 448)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_canvas_picture_and_cells_are_those_of_llava_nexts_own_rule(height: int, width: int) -> None:
    canvas = select_best_resolution((height, width), list(CANVASES))
    assert PADDED.size(height, width) == tuple(canvas)
    picture = np.zeros((height, width, 3), np.uint8)
    assert PADDED.inner(height, width) == get_patch_output_size(picture, canvas, input_data_format="channels_last")
    rows, columns = PADDED.grid(height, width)
    tiles = (side // 336 for side in canvas)
    cells, line_ends = LlavaNextProcessor._get_unpadded_features(None, height, width, 24, 24, *tiles)
    assert (rows * columns, rows) == (cells, line_ends)


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (400, 300), (333, 997)])
@pytest.mark.parametrize("image", [NEAREST, PADDED], ids=["nearest shape", "padded"])
def test_a_region_covers_the_cells_in_which_the_tower_sees_it(
    image: ImageFormat, height: int, width: int, tmp_path: Path
) -> None:
    box = (width // 3, height // 8, 3 * width // 5, 2 * height // 5)
    picture = Image.new("RGB", (width, height))
    picture.paste((255, 255, 255), box)
    picture.save(tmp_path / "picture.png")
    left, top, right, bottom = map(float, box)
    code = box_counts((left, top, right, bottom), height=height, width=width)
    scene = Scene(tmp_path / "picture.png", None, [code], depth_scale=0.001, image_format=image)
    rows, columns = scene.grid
    bright = scene.pixels[0].astype(np.float32)
    bright = (bright - bright.min()) / (bright.max() - bright.min())
    cells = bright.reshape(bright.shape[0] // image.stride, image.stride, -1, image.stride).mean((1, 3))
    above, before = (cells.shape[0] - rows) // 2, (cells.shape[1] - columns) // 2
    seen = cells[above : above + rows, before : before + columns]
    assert np.abs(scene.region(code).coverage.reshape(rows, columns) - seen).max() < 0.1  # a pixel of 14 is rounding
