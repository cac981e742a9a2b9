"""The one opener: pictures come out as they are seen, depth as metres, and nothing else is decoded."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps
from pycocotools import mask as coco

from region_heads.data.images import Scene
from region_heads.image_format import ImageFormat
from region_heads.picture_file import (
    PictureError,
    Shape,
    depth_problem,
    file_content,
    located,
    open_picture,
    size_advice,
)

WIDTH, HEIGHT = 12, 8
PIXELS = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def saved(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **how)
    return buffer.getvalue()


def turned(image: Image.Image, orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_comes_out_as_every_viewer_shows_it(kind: str, orientation: int) -> None:
    content = turned(Image.fromarray(PIXELS), orientation, kind)
    with Image.open(io.BytesIO(content)) as stored:
        seen = ImageOps.exif_transpose(stored).convert("RGB")
    opened = open_picture(content)
    assert np.array_equal(np.asarray(opened.image), np.asarray(seen))
    assert (opened.shape.width, opened.shape.height) == seen.size
    assert (opened.shape.orientation, opened.shape.stored) == (orientation, (WIDTH, HEIGHT))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_depth_is_turned_by_its_own_orientation_in_every_mode(dtype: type, orientation: int) -> None:
    units = (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) + 1).astype(dtype)
    metres = open_picture(turned(Image.fromarray(units), orientation, "TIFF"), "depth").metres(0.5)
    expected = {1: units, 3: units[::-1, ::-1], 6: np.rot90(units, -1)}[orientation]
    assert metres.dtype == np.float32
    assert np.array_equal(metres, expected.astype(np.float32) / 2)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "YCbCr"])
def test_every_mode_of_a_picture_becomes_rgb(mode: str) -> None:
    grey = Image.new("RGB", (WIDTH, HEIGHT), (200, 200, 200))
    stored = grey.quantize() if mode == "P" else grey.convert(mode)
    image = open_picture(saved(stored, {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG"))).image
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - 200).max() <= 1


ANIMATION = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "green")]


@pytest.mark.parametrize(
    ("content", "kind", "found"),
    [
        (saved(Image.fromarray(PIXELS), "EPS"), "image", "none of these"),
        (saved(Image.fromarray(PIXELS), "GIF"), "image", "none of these"),
        (b"no picture", "image", "10 bytes that are none of these"),
        (saved(Image.fromarray(PIXELS))[:120], "image", "truncated"),
        (saved(ANIMATION[0], save_all=True, append_images=ANIMATION[1:]), "image", "PNG with several frames"),
        (saved(ANIMATION[0], "WEBP", save_all=True, append_images=ANIMATION[1:]), "image", "WEBP with several frames"),
        (saved(ANIMATION[0], "TIFF", save_all=True, append_images=ANIMATION[1:]), "image", "TIFF with several frames"),
        (saved(Image.new("1", (11_000, 11_000))), "image", "11000 x 11000"),
        (saved(Image.new("1", (20_000, 20_000))), "image", "decompression bomb"),
        (saved(Image.new("I;16", (WIDTH, HEIGHT))), "image", "mode I;16"),
        *((saved(Image.new(mode, (WIDTH, HEIGHT))), "depth", f"mode {mode}") for mode in ("RGB", "1", "P", "LA")),
    ],
)
def test_what_is_no_picture_of_its_kind_is_refused_in_words(
    content: bytes, kind: Any, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a picture started a program"))
    with pytest.raises(PictureError) as refused:
        open_picture(content, kind)
    assert found in refused.value.details[1]
    assert refused.value.details[2]


@pytest.mark.parametrize(
    ("picture", "depth", "fits"),
    [
        (Shape(width=8, height=12, orientation=6), Shape(width=8, height=12, orientation=6), True),
        (Shape(width=8, height=12, orientation=6), Shape(width=8, height=12), True),
        (Shape(width=8, height=12, orientation=6), Shape(width=12, height=8), False),
        (Shape(width=12, height=8, orientation=3), Shape(width=12, height=8), False),
        (Shape(width=8, height=8, orientation=6), Shape(width=8, height=8), False),
        (Shape(width=12, height=8), Shape(width=12, height=8, orientation=3), False),
        (Shape(width=12, height=8, orientation=3), Shape(width=12, height=8, orientation=3), True),
    ],
)
def test_a_depth_image_is_of_the_turned_picture_and_says_so_where_the_size_does_not(
    picture: Shape, depth: Shape, fits: bool
) -> None:
    problem = depth_problem(picture, depth)
    assert (problem is None) is fits
    assert problem is None or "EXIF orientation" in str(problem)


def test_a_mask_of_the_unturned_picture_gets_the_advice_that_helps() -> None:
    picture = Shape(width=8, height=12, orientation=6)
    assert "for the turned picture" in size_advice(picture, [8, 12])
    assert size_advice(picture, [7, 7]) == "make the mask for this picture"
    assert "height before the width" in size_advice(Shape(width=8, height=12), [8, 12])


@settings(max_examples=25, deadline=None)
@given(depth=arrays(np.float32, (HEIGHT, WIDTH), elements=st.floats(width=32)))
def test_whatever_a_depth_image_holds_the_features_are_finite(depth: Any, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("scene")
    Image.fromarray(PIXELS).save(folder / "0.png")
    Image.fromarray(depth).save(folder / "0_depth.png", format="TIFF")
    counts = coco.encode(np.asfortranarray(np.ones((HEIGHT, WIDTH), np.uint8)))["counts"].decode()
    image_format = ImageFormat(unit=16, stride=4, max_pixels=256, channels=5)
    scene = Scene(folder / "0.png", folder / "0_depth.png", [counts], depth_scale=1.0, image_format=image_format)
    assert np.isfinite(scene.pixels).all()
    geometry = scene.region(counts).geometry
    assert np.isfinite(geometry).all()
    assert np.abs(geometry).max() < 1e5


def test_names_are_found_however_their_letters_are_composed(tmp_path: Path) -> None:
    name = "Lager S\u00fcd/\u00e9t\u00e9 \u30ab\u30fc\u30c9.png"
    composed, taken_apart = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    file = tmp_path / unicodedata.normalize("NFD", "Lager S\u00fcd") / unicodedata.normalize("NFC", Path(name).name)
    file.parent.mkdir()
    file.touch()
    assert located(tmp_path, composed) == located(tmp_path, taken_apart) == file
    assert located(tmp_path, "Lager/nothing.png") == tmp_path / "Lager" / "nothing.png"
    assert not located(tmp_path, "a\0b").exists()


COLOURS = Image.fromarray(PIXELS)
FLOATS = Image.fromarray(PIXELS[..., 0].astype(np.float32) / 7)
FAR = Image.fromarray(PIXELS[..., 0].astype(np.int32) * 1000)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *(("image", saved(COLOURS.convert(mode), "TIFF")) for mode in ("CMYK", "L", "LA", "P", "RGBA")),
        *(("image", turned(COLOURS, number, kind)) for number in range(1, 9) for kind in ("PNG", "TIFF")),
        *(("depth", turned(depth, number, "TIFF")) for number in (1, 6) for depth in (FLOATS, FAR)),
        *(("depth", turned(COLOURS.convert(mode), 6)) for mode in ("L", "I;16")),
    ],
)
def test_an_opened_picture_is_what_its_file_is(kind: Any, content: bytes) -> None:
    of_file = open_picture(content, kind)
    with Image.open(io.BytesIO(content)) as picture:
        of_opened = open_picture(file_content(picture), kind)
    assert np.array_equal(np.asarray(of_opened.image), np.asarray(of_file.image))
    assert of_opened.image.mode == of_file.image.mode


@pytest.mark.parametrize("mode", ["CMYK", "HSV", "YCbCr"])
def test_an_opened_picture_in_a_colour_mode_becomes_rgb(mode: str) -> None:
    seen = open_picture(file_content(COLOURS.convert(mode))).image
    assert np.array_equal(np.asarray(seen), np.asarray(COLOURS.convert(mode).convert("RGB")))


def test_an_opened_picture_that_cannot_be_read_is_refused_in_words() -> None:
    damaged, closed = Image.open(io.BytesIO(saved(COLOURS)[:-60])), Image.open(io.BytesIO(saved(COLOURS)))
    closed.close()
    for picture in (damaged, closed):
        with pytest.raises(PictureError, match=r"expected a readable picture, found mode .*; open it anew"):
            file_content(picture)


@pytest.mark.parametrize("mode", ["CMYK", "RGBA", "L", "RGB"])
def test_a_tiff_is_turned_however_it_is_reached(mode: str, tmp_path: Path) -> None:
    """Also without compression, where Pillow maps a file with a name into memory."""
    file = tmp_path / "0.tiff"
    file.write_bytes(turned(COLOURS.convert(mode), 6, "TIFF"))
    seen = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file.read_bytes()))).convert("RGB"))
    with Image.open(file) as picture:
        for source in (file, file.read_bytes(), file_content(picture)):
            assert np.array_equal(np.asarray(open_picture(source).image), seen)
