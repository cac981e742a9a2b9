"""The picture with its regions, in the colours of the report: yellow what the answer is about, blue what helped."""

from collections.abc import Collection

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from region_heads.masks import decode
from region_heads.picture_file import open_picture
from region_heads.playground.scene import Scene

ANSWER, ANCHOR, CHOSEN, KNOWN = (255, 207, 0), (42, 168, 255), (255, 255, 255), (205, 210, 214)
_DARK = (23, 25, 27)


def draw(scene: Scene, *, answer: Collection[int] = (), anchors: Collection[int] = ()) -> Image.Image:
    """The picture; known regions have a thin line, chosen ones their number.

    Args:
        answer: Numbers of the chosen regions that the answer is about.
        anchors: Numbers of those that helped to find them.
    """
    picture = open_picture(scene.path).image
    unit = max(1, round(max(picture.size) / 480))
    for counts in scene.known:
        if counts not in scene.chosen:
            _mark(picture, scene, counts, KNOWN, width=unit, fill=0.0)
    colours = [
        ANSWER if number in answer else ANCHOR if number in anchors else CHOSEN for number in range(len(scene.chosen))
    ]
    for counts, colour in zip(scene.chosen, colours, strict=True):
        _mark(picture, scene, counts, colour, width=2 * unit, fill=0.0 if colour == CHOSEN else 0.3)
    brush = ImageDraw.Draw(picture)
    for number, (counts, colour) in enumerate(zip(scene.chosen, colours, strict=True)):
        _tag(brush, _middle(scene, counts), str(number), colour, 8 * unit)
    if scene.corner is not None:
        x, y = scene.corner
        brush.line([(x - 8 * unit, y), (x + 8 * unit, y)], fill=ANSWER, width=2 * unit)
        brush.line([(x, y - 8 * unit), (x, y + 8 * unit)], fill=ANSWER, width=2 * unit)
    return picture


def _mark(
    picture: Image.Image, scene: Scene, counts: str, colour: tuple[int, int, int], *, width: int, fill: float
) -> None:
    inside = Image.fromarray(decode(counts, height=scene.height, width=scene.width)).convert("L")
    if fill:
        picture.paste(colour, mask=inside.point(lambda value: round(value * fill)))
    wider = inside.filter(ImageFilter.MaxFilter(2 * width + 1))
    edge = np.asarray(wider).astype(np.int16) - np.asarray(inside)
    picture.paste(colour, mask=Image.fromarray(edge.astype(np.uint8)))


def _middle(scene: Scene, counts: str) -> tuple[float, float]:
    """The region's pixel nearest to its centroid: that of a frame lies outside the frame's paint."""
    ys, xs = np.nonzero(decode(counts, height=scene.height, width=scene.width))
    nearest = int(np.argmin((xs - xs.mean()) ** 2 + (ys - ys.mean()) ** 2))
    return float(xs[nearest]), float(ys[nearest])


def _tag(
    brush: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: tuple[int, int, int], radius: int
) -> None:
    x, y = at
    back, ink = (_DARK, CHOSEN) if colour == CHOSEN else (colour, _DARK)
    brush.ellipse(
        [x - radius, y - radius, x + radius, y + radius], fill=back, outline=colour, width=max(1, radius // 6)
    )
    brush.text(at, text, fill=ink, anchor="mm", font=ImageFont.load_default(size=1.2 * radius))
