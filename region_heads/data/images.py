"""Pictures and depth images to the channels that a backbone reads, and to the geometry of their regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from region_heads import masks
from region_heads.errors import RegionHeadsError
from region_heads.floor import FloorFrame, fit_floor, image_rays
from region_heads.geometry import mirrored, region_geometry

Pixels = NDArray[np.float32]

MAX_DEPTH = 20.0
"""Metres that the depth channel maps to 1; warehouse cameras hang 5 to 8 m high."""

MAX_HEIGHT = 3.0
"""Metres above the floor that the height channel maps to 1."""


@dataclass(frozen=True)
class ImageFormat:
    """The input of a vision tower.

    Attributes:
        side: Height and width in pixels; pictures are stretched to it, so that patch coverage stays exact.
        channels: 3 for red, green, blue; 5 adds depth and height above the floor.
        mean, std: Normalisation of the colour channels, in 0..1.
        rows, columns: The feature map that comes out.
    """

    side: int
    channels: int
    rows: int
    columns: int
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)


@dataclass(frozen=True)
class RegionFeatures:
    """``coverage`` and ``enclosure`` (coverage of the convex hull) float32 ``[P]``, ``geometry`` float32 ``[G]``."""

    coverage: NDArray[np.float32]
    enclosure: NDArray[np.float32]
    geometry: NDArray[np.float32]

    def mirrored(self, columns: int) -> RegionFeatures:
        """The same region in the horizontally mirrored image."""

        def flip(cells: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.ascontiguousarray(cells.reshape(-1, columns)[:, ::-1]).reshape(-1)

        return RegionFeatures(flip(self.coverage), flip(self.enclosure), mirrored(self.geometry))


class Scene:
    """One image with what is known of it: pixels for the backbone, depth, floor, and its regions so far seen."""

    def __init__(self, image: Path, depth: Path | None, *, depth_scale: float, image_format: ImageFormat) -> None:
        self._format = image_format
        picture = _open(image).convert("RGB")
        self._depth = None if depth is None else read_depth(depth, scale=depth_scale)
        if self._depth is not None and self._depth.shape != (picture.height, picture.width):
            raise RegionHeadsError(
                f"{depth}: expected a depth image of {picture.width}x{picture.height} pixels as its picture, found "
                f"{self._depth.shape[1]}x{self._depth.shape[0]}; run validate on the data set first"
            )
        self._floor = None if self._depth is None else fit_floor(self._depth)
        self._regions: dict[str, RegionFeatures] = {}
        self.size = (picture.height, picture.width)
        self.pixels = self._channels(picture).astype(np.float16)

    def region(self, counts: str) -> RegionFeatures:
        """Coverage and geometry of the mask with these compressed COCO counts."""
        if counts not in self._regions:
            mask = masks.decode(counts, height=self.size[0], width=self.size[1])
            enclosed = masks.hull(mask)
            rows, columns = self._format.rows, self._format.columns
            self._regions[counts] = RegionFeatures(
                masks.coverage(mask, rows=rows, columns=columns),
                masks.coverage(enclosed, rows=rows, columns=columns),
                region_geometry(mask, enclosed, self._depth, self._floor),
            )
        return self._regions[counts]

    def _channels(self, picture: Image.Image) -> Pixels:
        side = self._format.side
        colour = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32) / 255
        colour = (colour - np.array(self._format.mean, np.float32)) / np.array(self._format.std, np.float32)
        channels = [*colour.transpose(2, 0, 1)]
        if self._format.channels == 5:
            channels += _depth_channels(self._depth, self._floor, side)
        return np.stack(channels)


def read_depth(path: Path, *, scale: float) -> NDArray[np.float32]:
    """A depth image in metres: float32 ``[height, width]``, 0 where unknown.

    Args:
        scale: Metres for one unit of the image.

    Raises:
        RegionHeadsError: The file is missing or not a picture of one channel.
    """
    array = np.asarray(_open(path))
    if array.ndim == 3:
        array = array[..., 0]
    return np.asarray(array, dtype=np.float32) * np.float32(scale)


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise RegionHeadsError(f"{path}: no such image; run validate, it quarantines such records") from None
    except OSError as error:
        raise RegionHeadsError(f"{path}: not a readable image ({error}); run validate first") from None


def _depth_channels(depth: NDArray[np.float32] | None, floor: FloorFrame | None, side: int) -> list[Pixels]:
    if depth is None:
        return [np.zeros((side, side), np.float32)] * 2
    height, width = depth.shape
    rows = (np.arange(side) * height) // side
    columns = (np.arange(side) * width) // side
    sampled = depth[np.ix_(rows, columns)]
    far = np.clip(sampled / MAX_DEPTH, 0, 1)
    if floor is None:
        return [far, np.zeros_like(far)]
    u, v = image_rays(height, width)
    z = sampled.astype(np.float64)
    points = np.stack([z * u[columns][None, :], z * v[rows][:, None], z], axis=-1).reshape(-1, 3)
    above = floor.to_floor(points)[:, 2].reshape(side, side) * (sampled > 0)
    return [far, np.clip(above / MAX_HEIGHT, -1, 1).astype(np.float32)]
