"""Places of cells in space: metres, mirrored with the picture, nothing where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from region_heads.cell_coordinates import COORDINATE_NAMES, COORDINATES, cell_coordinates, mirrored_cells
from region_heads.floor_plane import survey
from tests.region_heads.rendered_scenes import scene
from tests.region_heads.test_geometry import floor_depth

DEGREES = 60.0


def columns(cells: NDArray[np.float32], *names: str) -> NDArray[np.float32]:
    return cells[:, [COORDINATE_NAMES.index(name) for name in names]]


def of(depth: NDArray[np.float32], grid: tuple[int, int], degrees: float = DEGREES) -> NDArray[np.float32]:
    return cell_coordinates(depth, survey(depth, field_of_view=degrees), grid=grid, field_of_view=degrees)


@pytest.mark.parametrize("number", range(3))
def test_distances_between_cells_are_those_of_what_they_show(number: int) -> None:
    depth, points, _ = scene(number, DEGREES)
    grid = (depth.shape[0] // 4, depth.shape[1] // 4)  # cells of 4 x 4 pixels, all of which are read
    cells = of(depth, grid)
    whole = columns(cells, "has_depth")[:, 0] == 1
    shown = points[: grid[0] * 4, : grid[1] * 4].reshape(grid[0], 4, grid[1], 4, 3).mean((1, 3)).reshape(-1, 3)[whole]
    camera = columns(cells, "camera_right", "camera_down", "camera_ahead")[whole] * [5, 5, 10]
    floor = columns(cells, "floor_right", "floor_ahead", "height")[whole] * [5, 5, 1]
    one, other = np.random.default_rng(0).integers(0, len(shown), (2, 200))
    expected = np.linalg.norm(shown[one] - shown[other], axis=1)
    assert np.linalg.norm(camera[one] - camera[other], axis=1) == pytest.approx(expected, rel=0.01, abs=0.01)
    assert np.linalg.norm(floor[one] - floor[other], axis=1) == pytest.approx(expected, rel=0.01, abs=0.01)


@settings(max_examples=20, deadline=None)
@given(st.floats(30, 80), st.floats(3, 9), st.integers(1, 9), st.integers(1, 9))
def test_an_empty_floor_has_no_height(pitch: float, camera_height: float, rows: int, across: int) -> None:
    depth = floor_depth(pitch=pitch, camera_height=camera_height)
    cells = cell_coordinates(depth, survey(depth), grid=(rows, across), field_of_view=74)
    assert cells.shape == (rows * across, COORDINATES)
    assert columns(cells, "height") == pytest.approx(0, abs=0.1)
    assert np.isfinite(cells).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_mirrored_cells_are_those_of_the_mirrored_picture(seed: int, across: int) -> None:
    rng = np.random.default_rng(seed)
    depth = (rng.uniform(1, 9, (12, 4 * across)) * rng.integers(0, 2, (12, 4 * across))).astype(np.float32)
    grid = (3, across)
    plain = cell_coordinates(depth, None, grid=grid, field_of_view=DEGREES)
    of_mirror = cell_coordinates(depth[:, ::-1], None, grid=grid, field_of_view=DEGREES)
    assert mirrored_cells(plain, columns=across) == pytest.approx(of_mirror, abs=1e-6)


def test_places_on_the_floor_are_mirrored_with_the_picture() -> None:
    depth, _, _ = scene(0, DEGREES)
    grid = (depth.shape[0] // 4, depth.shape[1] // 4)
    plain, of_mirror = of(depth, grid), of(np.ascontiguousarray(depth[:, ::-1]), grid)
    assert (columns(plain, "has_floor") == 1).any()
    expected = mirrored_cells(plain, columns=grid[1])
    assert of_mirror == pytest.approx(expected, abs=0.02)  # the floor is fitted to other points of the same plane
    assert np.abs(of_mirror - plain).max() > 0.5


def test_without_depth_or_floor_their_entries_are_nothing() -> None:
    depth, _, _ = scene(0, DEGREES)
    camera_only = cell_coordinates(depth, None, grid=(3, 5), field_of_view=DEGREES)
    assert (columns(camera_only, "has_floor", "floor_right", "floor_ahead", "height") == 0).all()
    assert (columns(camera_only, "camera_ahead") > 0).all()
    assert (cell_coordinates(None, None, grid=(3, 5), field_of_view=DEGREES) == 0).all()
    half = depth.copy()
    half[:, : half.shape[1] // 2] = 0
    unknown = cell_coordinates(half, None, grid=(1, 2), field_of_view=DEGREES)
    assert (unknown[0] == 0).all()
    assert unknown[1, 0] == 1
