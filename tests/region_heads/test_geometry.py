"""Regions on the floor: what is measured is where things are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from region_heads.floor_plane import NOMINAL_FIELD_OF_VIEW, fit_floor, image_rays, survey
from region_heads.geometry import GEOMETRY_NAMES, GEOMETRY_SIZE, mirrored, region_geometry
from region_heads.masks import hull
from tests.region_heads.test_masks import region

HEIGHT, WIDTH = 90, 160


def floor_depth(*, pitch: float, camera_height: float) -> NDArray[np.float32]:
    """Depth of an empty floor seen by a camera that looks ``pitch`` degrees down."""
    _, v = image_rays(HEIGHT, WIDTH)
    down = np.sin(np.radians(pitch)) + v * np.cos(np.radians(pitch))  # how far a ray falls in a unit of depth
    depth = np.where(down > 0.05, camera_height / np.maximum(down, 0.05), 0.0)
    return np.repeat(depth[:, None], WIDTH, axis=1).astype(np.float32)


def entry(vector: NDArray[np.float32], name: str) -> float:
    return float(vector[GEOMETRY_NAMES.index(name)])


@settings(max_examples=25, deadline=None)
@given(st.floats(30, 80), st.floats(3, 9))
def test_an_empty_floor_is_found_at_its_distance(pitch: float, camera_height: float) -> None:
    frame = fit_floor(floor_depth(pitch=pitch, camera_height=camera_height))
    assert frame is not None
    assert frame.camera_height == pytest.approx(camera_height, rel=0.01)
    assert -frame.axes[2, 2] == pytest.approx(np.sin(np.radians(pitch)), abs=0.02)
    assert frame.axes @ frame.axes.T == pytest.approx(np.eye(3), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, WIDTH - 21), st.integers(30, HEIGHT - 11), st.integers(0, WIDTH - 21), st.integers(30, HEIGHT - 11)
)
def test_distances_between_marks_on_the_floor_are_metres(x1: int, y1: int, x2: int, y2: int) -> None:
    depth = floor_depth(pitch=50, camera_height=6)
    ground = survey(depth)
    places = []
    for x, y in ((x1, y1), (x2, y2)):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[y, x] = True
        vector = region_geometry(region(mask), hull(region(mask)), depth, ground)
        places.append(5 * np.array([entry(vector, "floor_x_mean"), entry(vector, "floor_y_mean")]))
        assert entry(vector, "height_mean") == pytest.approx(0, abs=0.05)
    u, v = image_rays(HEIGHT, WIDTH, field_of_view=NOMINAL_FIELD_OF_VIEW)
    points = [depth[y, x] * np.array([u[x], v[y], 1.0]) for x, y in ((x1, y1), (x2, y2))]
    assert np.linalg.norm(places[0] - places[1]) == pytest.approx(
        np.linalg.norm(points[0] - points[1]), rel=0.02, abs=0.02
    )


def test_a_box_on_the_floor_has_its_height() -> None:
    depth = floor_depth(pitch=90, camera_height=6)
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[40:60, 70:90] = True
    depth[mask] = 4.5
    vector = region_geometry(region(mask), hull(region(mask)), depth, survey(depth))
    assert entry(vector, "height_mean") == pytest.approx(1.5, abs=0.05)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_mirroring_the_vector_is_the_vector_of_the_mirrored_image(seed: int, with_depth: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    y, x = rng.integers(0, HEIGHT - 8), rng.integers(0, WIDTH - 8)
    mask[y : y + rng.integers(1, 8), x : x + rng.integers(1, 8)] = True
    depth = floor_depth(pitch=55, camera_height=6) if with_depth else None
    ground = None if depth is None else survey(depth)
    theirs_depth = None if depth is None else np.ascontiguousarray(depth[:, ::-1])
    theirs_ground = None if theirs_depth is None else survey(theirs_depth)
    ours = mirrored(region_geometry(region(mask), hull(region(mask)), depth, ground))
    theirs = region_geometry(region(mask[:, ::-1]), hull(region(mask[:, ::-1])), theirs_depth, theirs_ground)
    assert ours == pytest.approx(theirs, abs=2e-2)
    assert mirrored(ours) == pytest.approx(region_geometry(region(mask), hull(region(mask)), depth, ground))


def test_without_depth_only_the_image_speaks() -> None:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[10, 20] = True
    vector = region_geometry(region(mask), hull(region(mask)))
    assert vector.shape == (GEOMETRY_SIZE,)
    assert np.isfinite(vector).all()
    assert entry(vector, "size") > 0
    assert not vector[GEOMETRY_NAMES.index("has_depth") :].any()


def test_no_floor_is_claimed_where_there_is_none() -> None:
    noise = np.random.default_rng(0).uniform(1, 20, (HEIGHT, WIDTH)).astype(np.float32)
    assert fit_floor(noise) is None
    assert fit_floor(np.zeros((HEIGHT, WIDTH), dtype=np.float32)) is None


def test_what_stands_on_a_piece_of_floor_is_measured() -> None:
    """Two boxes of 1.0 m2 and 0.25 m2, 30 cm high, on a marked area seen from above; a third stands beside it."""
    depth = floor_depth(pitch=90, camera_height=6)
    u, v = image_rays(HEIGHT, WIDTH)
    x, y = 5.7 * u[None, :] + 0 * v[:, None], 5.7 * v[:, None] + 0 * u[None, :]
    boxes = [
        (abs(x) < 0.5) & (abs(y) < 0.5),
        (abs(x - 1.2) < 0.25) & (abs(y) < 0.25),
        (abs(x - 3) < 0.3) & (abs(y) < 0.3),
    ]
    for box in boxes:
        depth[box] = 5.7
    area = (abs(u[None, :]) < 0.35) & (abs(v[:, None]) < 0.3)
    area &= ~(boxes[0] | boxes[1])
    vector = region_geometry(region(area), hull(region(area)), depth, survey(depth))
    assert entry(vector, "standing_area") == pytest.approx(1.25, rel=0.25)
    assert entry(vector, "standing_height") == pytest.approx(0.3, abs=0.05)
    empty = floor_depth(pitch=90, camera_height=6)
    assert entry(region_geometry(region(area), hull(region(area)), empty, survey(empty)), "standing_area") == 0
