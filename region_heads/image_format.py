"""How a picture is brought to the size that a vision tower reads, and the grid of cells that comes out."""

import math
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from region_heads.errors import RegionHeadsError
from region_heads.lens import NOMINAL_FIELD_OF_VIEW

BICUBIC, LANCZOS = int(Image.Resampling.BICUBIC), int(Image.Resampling.LANCZOS)

Tiling = Literal["longer side", "nearest shape", "padded"]
"""How tiles are laid out: as many along the longer side for every picture (SmolVLM), in the arrangement whose shape is
nearest to the picture's (InternVL), or around the picture, its shape kept, on one of some canvases (LLaVA-NeXT)."""


@dataclass(frozen=True)
class ImageFormat:
    """The input of a vision tower.

    A picture is stretched to whole multiples of ``unit`` near its own shape, so that patch coverage stays exact: its
    grid has whole cells and spans all of it. Towers of one size have ``max_pixels = unit ** 2``.

    Attributes:
        unit: Both sides are whole multiples of this many pixels.
        stride: Pixels a side of one cell of the feature map.
        max_pixels: Largest area.
        min_pixels: Smallest area; pictures are stretched up to it.
        overview: Whether a tower that reads a picture in tiles of ``unit`` pixels a side also reads it as a whole.
        tiling: How these tiles are laid out.
        canvases: Heights and widths of those that a "padded" picture may lie on, in whole tiles.
        resample: Pillow's number of the filter, as the tower was trained with.
        channels: 3 for red, green, blue; 5 adds depth and height above the floor.
        mean, std: Normalisation of the colour channels, in 0..1.
        field_of_view: Degrees across the width of a picture of whose lens nothing is known: those of the training.
        length_unit: Metres that count as one in what is measured by depth, so that a table's lengths and a hall's are
            numbers of the same size.
        coordinates: Whether places in space are read beside the features.
    """

    unit: int
    stride: int
    max_pixels: int
    min_pixels: int = 0
    overview: bool = False
    tiling: Tiling = "longer side"
    canvases: tuple[tuple[int, int], ...] = ()
    resample: int = int(Image.Resampling.BILINEAR)
    channels: int = 3
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    field_of_view: float = NOMINAL_FIELD_OF_VIEW
    length_unit: float = 1.0
    coordinates: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether every picture gets the same size."""
        return not self.canvases and self.max_pixels < 2 * self.unit**2

    @property
    def is_tiled(self) -> bool:
        """Whether a picture is read in tiles, and as a whole."""
        return self.overview and not self.is_fixed

    def check_grid(self, side: int | None) -> None:
        """Whether a picture can be pooled to this many tokens a side; None leaves it as it is.

        Raises:
            RegionHeadsError: Pictures keep their shape, or have fewer cells a side.
        """
        most = self.unit // self.stride
        if side is not None and not (self.is_fixed and side <= most):
            expected = f"at most {most}" if self.is_fixed else "null, since pictures of this family keep their shape"
            raise RegionHeadsError(f"image_token_grid: expected {expected}, found {side}")

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what the tower reads of a picture, by the rule that it was trained with.

        Of pictures in tiles that of ``tiling``, of others Qwen's.
        """
        if self.is_fixed:
            return self.unit, self.unit
        if self.tiling == "padded":
            return self._canvas(height, width)
        if self.tiling == "nearest shape":
            return self._nearest(height, width)
        if self.overview:
            rows, columns = (math.ceil(side / self.unit) for side in self.tile_shape(height, width))
            return rows * self.unit, columns * self.unit
        rows, columns = (max(1, round(side / self.unit)) for side in (height, width))
        area, shape = rows * columns * self.unit**2, height * width
        if area > self.max_pixels:
            scale = math.sqrt(shape / self.max_pixels)
            rows, columns = (max(1, math.floor(side / scale / self.unit)) for side in (height, width))
            most = self.max_pixels // self.unit**2  # a strip of less than a unit would be longer
            rows, columns = min(rows, most), min(columns, most)
        elif area < self.min_pixels:
            scale = math.sqrt(self.min_pixels / shape)
            rows, columns = (math.ceil(side * scale / self.unit) for side in (height, width))
        return rows * self.unit, columns * self.unit

    def tile_shape(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of a picture whose longer side was brought to whole tiles, before the other one is."""
        longer = math.isqrt(self.max_pixels) // self.unit * self.unit
        shape = width / height
        if width >= height:
            return max(1, _even(longer / shape)), longer
        return longer, max(1, _even(longer * shape))

    def inner(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that a picture is stretched to: all of :meth:`size`, or the part inside its padding."""
        tall, wide = self.size(height, width)
        if self.tiling != "padded":
            return tall, wide
        if wide / width < tall / height:
            return min(math.ceil(height * (wide / width)), tall), wide
        return tall, min(math.ceil(width * (tall / height)), wide)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the feature map of a picture, those of its padding left out."""
        rows, columns = (side // self.stride for side in self.size(height, width))
        if self.tiling != "padded":
            return rows, columns
        # Cut in pairs, from both sides: what the models call unpadding.
        if width / height > columns / rows:
            return rows - (rows - int(round(height * (columns / width), 7))) // 2 * 2, columns
        return rows, columns - (columns - int(round(width * (rows / height), 7))) // 2 * 2

    def window(self, height: int, width: int) -> tuple[float, float, float, float]:
        """What the feature map spans, in pixels of the picture: left, top, right, bottom.

        The picture itself, and with it the padding in cells that it shares. Cells that were cut off with the padding
        count to the outermost that are left.
        """
        axes = zip((height, width), self.size(height, width), self.inner(height, width), self.grid(height, width),
                   strict=True)  # fmt: skip
        (top, bottom), (left, right) = (self._span(*axis) for axis in axes)
        return left, top, right, bottom

    def _span(self, length: int, canvas: int, inner: int, cells: int) -> tuple[float, float]:
        """Start and end of the feature map along an axis of a picture, in its pixels."""
        first = (canvas // self.stride - cells) // 2 * self.stride - (canvas - inner) // 2
        scale = length / inner
        return min(0.0, first * scale), max(float(length), (first + cells * self.stride) * scale)

    def _nearest(self, height: int, width: int) -> tuple[int, int]:
        """Whole tiles up to ``max_pixels`` in the shape nearest to the picture's.

        Of several as near the largest that holds less than twice the picture's pixels, else the smallest.
        """
        most = self.max_pixels // self.unit**2
        arrangements = [(rows, columns) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)]
        off = {shape: abs(width / height - shape[1] / shape[0]) for shape in arrangements}
        least = min(off.values())
        near = sorted((shape for shape in arrangements if off[shape] == least), key=math.prod)
        filled = [shape for shape in near[1:] if height * width > 0.5 * self.unit**2 * math.prod(shape)]
        rows, columns = (filled or near[:1])[-1]
        return rows * self.unit, columns * self.unit

    def _canvas(self, height: int, width: int) -> tuple[int, int]:
        """The canvas within ``max_pixels`` on which most of the picture's pixels are kept, then the one filled best."""

        def kept(canvas: tuple[int, int]) -> tuple[int, int]:
            scale = min(canvas[1] / width, canvas[0] / height)
            pixels = min(int(width * scale) * int(height * scale), width * height)
            return pixels, pixels - math.prod(canvas)

        allowed = [canvas for canvas in self.canvases if math.prod(canvas) <= self.max_pixels]
        return max(allowed or [min(self.canvases, key=math.prod)], key=kept)


def _even(length: float) -> int:
    return int(length) + int(length) % 2
