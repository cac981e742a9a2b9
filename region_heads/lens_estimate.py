"""A camera's field of view as its depth image shows it: by what stands upright on the floor.

A plane's inverse depth is linear in the pixels of any camera: ``1 / z = a x + b y + c``, counted from the middle of the
picture, and its normal is ``(a f, b f, c)`` with the focal length ``f`` in pixels. Two planes that are perpendicular
therefore give it: ``(a1 a2 + b1 b2) f**2 + c1 c2 = 0``. Each small flat piece of the picture votes with the floor.
Walls and the sides of boxes agree; what lies level has no solution; what is askew or bent agrees with little. Slanted
faces that all look at the camera can agree on a wrong answer, so that few votes, or votes of one side, are not enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from region_heads.floor_plane import fit_floor
from region_heads.lens import NARROWEST, NOMINAL_FIELD_OF_VIEW, WIDEST, field_of_view_at, focal_length

Array = NDArray[np.float64]

_WIDTH = 640  # pixels across, to which larger pictures are thinned out
_PIECES = 40  # pieces across, of 4 to 16 pixels a side, each overlapping the next by half

_FLAT = (0.0003, 0.03)
"""Bounds of what a flat piece may deviate, as a share of its inverse depth; between them twice the noise."""

_AGREEMENT = 0.03  # of the focal length
_SURE_WEIGHT = 5.0  # of the votes that agree: pieces in the best of positions
_SURE_SHARE, _SURE_SHARE_OF_SIDES = 0.6, 0.3  # of the votes, to agree; fewer are enough where they face different ways
_ONE_SIDE = 0.93  # length of the mean direction that they face, above which it counts as one: of a wall it is 1


@dataclass(frozen=True)
class Estimate:
    """A field of view in degrees, and whether the picture alone is enough to believe it."""

    degrees: float
    sure: bool


def estimate_field_of_view(depth: NDArray[np.float32]) -> Estimate | None:
    """The field of view across the width of a depth image (metres ``[height, width]``, 0 where unknown).

    Returns:
        Degrees, rounded to hundredths so that they do not depend on the order of sums; None where no floor is seen, or
        nothing that stands on it.
    """
    frame = fit_floor(depth)  # the same pixels under every lens
    if frame is None:
        return None
    width = depth.shape[1]
    nominal = focal_length(width, NOMINAL_FIELD_OF_VIEW)
    floor = -frame.axes[2] / np.array([nominal, nominal, 1.0])
    pieces = _flat_pieces(depth)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = -floor[2] * pieces[:, 2] / (pieces[:, :2] @ floor[:2])
    possible = (squares > focal_length(width, WIDEST) ** 2) & (squares < focal_length(width, NARROWEST) ** 2)
    if not possible.any():
        return None
    focal = np.sqrt(squares[possible])
    # A vote is worth the square of how much the angle between the two planes changes with the focal length.
    weights = (2 * _ahead(floor[None], focal) * _ahead(pieces[possible], focal)) ** 2
    middle, agreeing = _most_agreed(np.log(focal), weights)
    scale = np.array([np.exp(middle), np.exp(middle), 1.0])
    one_side = _facing_alike(floor * scale, pieces[possible] * scale, agreeing) > _ONE_SIDE
    enough = max(_SURE_WEIGHT, (_SURE_SHARE if one_side else _SURE_SHARE_OF_SIDES) * weights.sum())
    return Estimate(round(field_of_view_at(width, float(np.exp(middle))), 2), bool(agreeing.sum() > enough))


def _ahead(planes: Array, focal: Array) -> Array:
    """Share of the planes' normals along the optical axis, ``[n]``."""
    ahead: Array = planes[:, 2] / np.sqrt((planes[:, :2] ** 2).sum(1) * focal**2 + planes[:, 2] ** 2)
    return ahead


def _facing_alike(floor: Array, normals: Array, weights: Array) -> float:
    """Length of the mean direction along the floor that surfaces face, 0..1."""
    down = floor / np.linalg.norm(floor)
    facing = normals - np.outer(normals @ down, down)
    return float(np.linalg.norm(weights @ (facing / np.linalg.norm(facing, axis=1)[:, None])) / weights.sum())


def _most_agreed(votes: Array, weights: Array) -> tuple[float, Array]:
    """The value around which most of the votes lie, and the weight with which each of them does."""

    def near(value: Array) -> Array:
        agreeing: Array = weights * np.exp(-0.5 * ((votes - value) / _AGREEMENT) ** 2)
        return agreeing

    grid = np.linspace(votes.min(), votes.max(), 300)
    middle = grid[near(grid[:, None]).sum(1).argmax()]
    for _ in range(5):
        middle = (near(middle) @ votes) / near(middle).sum()
    return float(middle), near(middle)


def _flat_pieces(depth: NDArray[np.float32]) -> Array:
    """The planes ``(a, b, c)`` of all flat pieces, ``[n, 3]``, by least squares."""
    height, width = depth.shape
    thin = max(1, width // _WIDTH)
    side = int(np.clip(width // thin // _PIECES, 4, 16))
    z = depth[::thin, ::thin].astype(np.float64)
    if min(z.shape) < side:
        return np.empty((0, 3))
    inverse = np.divide(1.0, z, out=np.full_like(z, np.nan), where=z > 0)
    windows = np.lib.stride_tricks.sliding_window_view(inverse, (side, side))[:: side // 2, :: side // 2]
    rows, columns = windows.shape[:2]
    values = windows.reshape(rows * columns, side * side)
    offsets = np.arange(side) - (side - 1) / 2
    x, y, spread = np.tile(offsets, side), np.repeat(offsets, side), side * (offsets @ offsets)
    a, b, middle = values @ x / spread, values @ y / spread, values.mean(1)
    variance = (values**2).mean(1) - middle**2 - (a**2 + b**2) * spread / side**2
    rough = np.sqrt(np.maximum(variance, 0)) / middle
    known = np.isfinite(rough)
    if not known.any():
        return np.empty((0, 3))
    flat = known & (rough <= np.clip(2 * np.percentile(rough[known], 25), *_FLAT))
    a, b = a / thin, b / thin
    at_x = thin * (np.tile(np.arange(columns) * (side // 2), rows) + side / 2) - width / 2
    at_y = thin * (np.repeat(np.arange(rows) * (side // 2), columns) + side / 2) - height / 2
    pieces: Array = np.stack([a, b, middle - a * at_x - b * at_y], axis=1)[flat]
    return pieces
