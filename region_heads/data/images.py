"""Pictures and depth images to the channels that a backbone reads, and to the geometry of their regions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from region_heads import masks
from region_heads.cell_coordinates import cell_coordinates
from region_heads.close_ups import close_up
from region_heads.errors import RegionHeadsError
from region_heads.floor_plane import Ground, survey
from region_heads.geometry import mirrored, region_geometry
from region_heads.image_format import ImageFormat
from region_heads.picture_file import Kind, Opened, PictureError, open_picture

Pixels = NDArray[np.float32]

MAX_DEPTH = 20.0
"""Length that the depth channel maps to 1, in the image format's unit; warehouse cameras hang 5 to 8 m high."""

MAX_HEIGHT = 3.0
"""Height above the floor that the height channel maps to 1, in the same unit."""


@dataclass(frozen=True)
class RegionFeatures:
    """What the model reads of a region.

    ``coverage`` and ``enclosure`` (coverage of the convex hull) are float32 ``[P]``, ``geometry`` is float32 ``[G]``,
    ``close_up`` uint8 ``[4, CLOSE_UP, CLOSE_UP]``: red, green, blue and the mask around the region.
    """

    coverage: NDArray[np.float32]
    enclosure: NDArray[np.float32]
    geometry: NDArray[np.float32]
    close_up: NDArray[np.uint8]

    def mirrored(self, columns: int) -> RegionFeatures:
        """The same region in the horizontally mirrored image."""

        def flip(cells: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.ascontiguousarray(cells.reshape(-1, columns)[:, ::-1]).reshape(-1)

        return RegionFeatures(
            flip(self.coverage), flip(self.enclosure), mirrored(self.geometry), self.close_up[:, :, ::-1]
        )

    @property
    def nbytes(self) -> int:
        """Memory of its arrays."""
        return self.coverage.nbytes + self.enclosure.nbytes + self.geometry.nbytes + self.close_up.nbytes


class Scene:
    """One image as the model needs it: pixels for the backbone, and its regions.

    Depth and floor are only needed to measure the regions, and are not kept: they take ten times the memory.

    Args:
        image, depth: The picture and, where there is one, its depth image.
        counts: The compressed COCO counts of all regions that questions about the image name.
        depth_scale: Metres for one unit of the depth image.
        image_format: Size and channels of the pixels, and the lens where none is known.
        field_of_view: Degrees across the width; None where nothing is known of the lens.
    """

    def __init__(
        self,
        image: Path,
        depth: Path | None,
        counts: Iterable[str],
        *,
        depth_scale: float,
        image_format: ImageFormat,
        field_of_view: float | None = None,
    ) -> None:
        picture = _open(image, "image").image
        metres = None if depth is None else _open(depth, "depth").metres(depth_scale)
        if metres is not None and metres.shape != (picture.height, picture.width):
            raise RegionHeadsError(
                f"{depth}: expected a depth image of {picture.width}x{picture.height} pixels as its picture, found "
                f"{metres.shape[1]}x{metres.shape[0]}; run validate on the data set first"
            )
        lengths = None if metres is None else metres / np.float32(image_format.length_unit)
        lens = field_of_view or image_format.field_of_view
        ground = None if lengths is None else survey(lengths, field_of_view=lens)
        self.grid = image_format.grid(picture.height, picture.width)
        height, width = picture.height, picture.width
        # In two steps, and the whole from them, where towers were trained so.
        stepwise = image_format.is_tiled and image_format.tiling == "longer side"
        resized = _resized(picture, image_format.tile_shape(height, width), image_format) if stepwise else picture
        resized = _resized(resized, image_format.inner(height, width), image_format)
        padded = _padded(resized, image_format.size(height, width))
        self.pixels = _channels(padded, lengths, ground, image_format)
        self.overview = None
        if image_format.is_tiled:
            whole = _resized(resized if stepwise else picture, (image_format.unit, image_format.unit), image_format)
            self.overview = _channels(whole, None, None, image_format)
        self.coordinates = (
            cell_coordinates(lengths, ground, grid=self.grid, field_of_view=lens) if image_format.coordinates else None
        )
        self._regions: dict[tuple[str, bool], RegionFeatures] = {}
        for code in counts:
            region = masks.spans(code, height=picture.height, width=picture.width)
            enclosed = masks.hull(region)
            rows, columns = self.grid
            window = image_format.window(height, width)
            self._regions[code, False] = RegionFeatures(
                masks.coverage(region, rows=rows, columns=columns, window=window),
                masks.coverage(enclosed, rows=rows, columns=columns, window=window),
                region_geometry(region, enclosed, lengths, ground, field_of_view=lens),
                close_up(picture, region),
            )

    @property
    def nbytes(self) -> int:
        """Memory of its arrays at most, once every region has also been asked for in the mirror image."""
        more = sum(array.nbytes for array in (self.overview, self.coordinates) if array is not None)
        return (
            self.pixels.nbytes
            + more
            + 2 * sum(region.nbytes for (_, mirrored), region in self._regions.items() if not mirrored)
        )

    def region(self, counts: str, *, mirror: bool = False) -> RegionFeatures:
        """The region with these compressed COCO counts, in the image or in its mirror image."""
        if (counts, mirror) not in self._regions:
            self._regions[counts, mirror] = self._regions[counts, False].mirrored(self.grid[1])
        return self._regions[counts, mirror]


def _resized(picture: Image.Image, size: tuple[int, int], image_format: ImageFormat) -> Image.Image:
    return picture.resize(size[::-1], Image.Resampling(image_format.resample))


def _padded(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in the middle of a black one."""
    height, width = size
    if picture.size == (width, height):
        return picture
    canvas = Image.new(picture.mode, (width, height))
    canvas.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return canvas


def _channels(
    picture: Image.Image, depth: NDArray[np.float32] | None, ground: Ground | None, image_format: ImageFormat
) -> NDArray[np.float16]:
    height, width = picture.height, picture.width
    colour = np.asarray(picture, dtype=np.float32) / 255
    colour = (colour - np.array(image_format.mean, np.float32)) / np.array(image_format.std, np.float32)
    channels = [*colour.transpose(2, 0, 1)]
    if image_format.channels == 5:
        channels += _depth_channels(depth, ground, height, width)
    return np.stack(channels).astype(np.float16)


def _open(path: Path, kind: Kind) -> Opened:
    try:
        return open_picture(path, kind)
    except PictureError as error:
        raise RegionHeadsError(f"{path}: {error}") from None


def _depth_channels(depth: NDArray[np.float32] | None, ground: Ground | None, height: int, width: int) -> list[Pixels]:
    if depth is None:
        return [np.zeros((height, width), np.float32)] * 2
    rows = (np.arange(height) * depth.shape[0]) // height
    columns = (np.arange(width) * depth.shape[1]) // width
    far = np.clip(depth[np.ix_(rows, columns)] / MAX_DEPTH, 0, 1)
    if ground is None:
        return [far, np.zeros_like(far)]
    heights = ground.at(np.repeat(rows, width), np.tile(columns, height))[:, 2]
    above = np.nan_to_num(heights).reshape(height, width)
    return [far, np.clip(above / MAX_HEIGHT, -1, 1)]
