"""How a picture is brought to the size that a vision tower reads, and the grid of cells that comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from region_heads.errors import RegionHeadsError
from region_heads.lens import NOMINAL_FIELD_OF_VIEW


@dataclass(frozen=True)
class ImageFormat:
    """The input of a vision tower.

    A picture is stretched to the multiple of ``unit`` nearest to its own shape, so that patch coverage stays exact: its
    grid has whole cells and spans all of it. Towers of one size have ``max_pixels = unit ** 2``.

    Attributes:
        unit: Both sides are whole multiples of this many pixels.
        stride: Pixels a side of one cell of the feature map.
        max_pixels: Largest area.
        channels: 3 for red, green, blue; 5 adds depth and height above the floor.
        mean, std: Normalisation of the colour channels, in 0..1.
        field_of_view: Degrees across the width of a picture of whose lens nothing is known: those of the training.
        length_unit: Metres that count as one in what is measured by depth, so that a table's lengths and a hall's are
            numbers of the same size.
    """

    unit: int
    stride: int
    max_pixels: int
    channels: int = 3
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    field_of_view: float = NOMINAL_FIELD_OF_VIEW
    length_unit: float = 1.0

    @property
    def is_fixed(self) -> bool:
        """Whether every picture gets the same size."""
        return self.max_pixels < 2 * self.unit**2

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
        """Height and width that a picture is stretched to."""
        most = max(1, self.max_pixels // self.unit**2)
        scale = min(1.0, math.sqrt(self.max_pixels / (height * width))) / self.unit
        rows = min(max(1, round(height * scale)), most)
        columns = max(1, min(round(width * scale), most // rows))
        return rows * self.unit, columns * self.unit

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the feature map of a picture."""
        tall, wide = self.size(height, width)
        return tall // self.stride, wide // self.stride
