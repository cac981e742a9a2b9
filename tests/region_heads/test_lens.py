"""A camera's field of view: what is read from records and questions, and that metres follow it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from region_heads.data.collator import RegionDataCollator
from region_heads.data.dataset import RegionDataset
from region_heads.data.processor import RegionProcessor
from region_heads.floor_plane import survey
from region_heads.formats.lens import given_field_of_view
from region_heads.formats.problem import Problem
from region_heads.geometry import GEOMETRY_NAMES, region_geometry
from region_heads.lens import NOMINAL_FIELD_OF_VIEW
from region_heads.masks import hull
from region_heads.modeling.model import RegionHeadsModel
from region_heads.modeling.settings import ModelSettings
from region_heads.rendering.camera import Camera
from region_heads.training.build import build
from tests.region_heads.test_masks import region

HEIGHT, WIDTH = 360, 640
SIZE = {"height": HEIGHT, "width": WIDTH}
FORMS = ("degrees", "names", "fx alone", "rows", "nine numbers")


def given_as(form: str, degrees: float) -> dict[str, Any]:
    """A field of view in the forms that data sets write it in."""
    focal = 0.5 * WIDTH / math.tan(math.radians(degrees) / 2)
    matrix: list[list[float]] = [[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]
    forms: dict[str, dict[str, Any]] = {
        "degrees": {"field_of_view": degrees, "intrinsics": None},
        "names": {"field_of_view": None, "intrinsics": {"fx": focal, "fy": focal, "cx": WIDTH / 2, "cy": HEIGHT / 2}},
        "fx alone": {"field_of_view": None, "intrinsics": {"fx": focal}},
        "rows": {"field_of_view": None, "intrinsics": matrix},
        "nine numbers": {"field_of_view": None, "intrinsics": [entry for row in matrix for entry in row]},
    }
    return forms[form]


@given(st.floats(5.001, 169.999), st.sampled_from(FORMS))
def test_every_form_gives_the_same_degrees(degrees: float, form: str) -> None:
    assert given_field_of_view(**given_as(form, degrees), **SIZE) == pytest.approx(degrees)


NUMBER = st.floats() | st.integers() | st.sampled_from([10**400, True, False])
ANYTHING = st.recursive(
    NUMBER | st.none() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.sampled_from(["fx", "fy", "cx", "cy", "k1"]), inner),
    max_leaves=12,
)


@given(ANYTHING, ANYTHING)
def test_whatever_is_given_is_a_possible_angle_or_refused(field_of_view: Any, intrinsics: Any) -> None:
    found = given_field_of_view(field_of_view, intrinsics, **SIZE)
    if found is None:
        assert field_of_view is None
        assert intrinsics is None
    elif isinstance(found, Problem):
        assert found.field in ("field_of_view", "intrinsics")
    else:
        assert 5 <= found <= 170


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"field_of_view": 1.29}, r"expected a field of view of 5 to 170 degrees .*found 1\.29; give it in degrees"),
        ({"field_of_view": "60"}, "found '60'"),
        ({"field_of_view": math.nan}, "found nan"),
        ({"field_of_view": 60, "intrinsics": {"fx": 500}}, "expected none beside a field_of_view"),
        ({"intrinsics": {"fy": 500}}, "expected an object with fx, fy, cx, cy or a camera matrix"),
        ({"intrinsics": {"fx": 500, "k1": 0.1}}, "expected an object with fx, fy, cx, cy"),
        ({"intrinsics": [500, 500, 320, 180]}, "a camera matrix of three rows"),
        ({"intrinsics": {"fx": -500}}, "an object with fx"),
        ({"intrinsics": {"fx": 500, "fy": 700}}, "expected square pixels.*found fx 500, fy 700; rectify"),
        ({"intrinsics": {"fx": 1400, "cx": 960, "cy": 540}}, r"middle of the picture \(320, 180\), found \(960, 540\)"),
    ],
)
def test_what_is_wrong_is_said(found: dict[str, Any], expected: str) -> None:
    problem = given_field_of_view(**({"field_of_view": None, "intrinsics": None} | found), **SIZE)
    assert isinstance(problem, Problem)
    with pytest.raises(AssertionError, match=expected):
        raise AssertionError(str(problem))


MARKS = ((-1.0, 0.5), (1.2, -0.8))
"""Two places on the floor, in metres; a lens of 45 degrees sees both from 6 m up."""


def geometry_of_marks(camera: Camera, *, field_of_view: float, depth: bool = True) -> list[NDArray[np.float32]]:
    """The vectors of the pixels that show ``MARKS`` on an empty floor, under the belief of a field of view."""
    rays = camera.pixel_rays().reshape(HEIGHT, WIDTH, 3)
    metres = (camera.position[2] / np.maximum(-rays[..., 2], 1e-3)).astype(np.float32)
    metres[metres > 50] = 0
    ground = survey(metres, field_of_view=field_of_view)
    vectors = []
    for x, y, _ in zip(*camera.project(np.array([[*mark, 0.0] for mark in MARKS])), strict=True):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[int(y), int(x)] = True
        one = region(mask)
        seen = (metres, ground) if depth else (None, None)
        vectors.append(region_geometry(one, hull(one), *seen, field_of_view=field_of_view))
    return vectors


def distance(vectors: list[NDArray[np.float32]]) -> float:
    places = [[5 * vector[GEOMETRY_NAMES.index(f"floor_{axis}_mean")] for axis in "xy"] for vector in vectors]
    return math.dist(*places)


@settings(max_examples=25, deadline=None)
@given(st.floats(45, 100), st.floats(40, 85))
def test_a_distance_on_the_floor_is_the_same_through_every_lens_that_is_known(fov: float, pitch: float) -> None:
    camera = Camera.looking((0, 0), height=6, pitch=pitch, yaw=30, roll=1, fov=fov, size=(WIDTH, HEIGHT))
    assert distance(geometry_of_marks(camera, field_of_view=fov)) == pytest.approx(math.dist(*MARKS), rel=0.02)


def test_a_wrong_lens_scales_every_metre() -> None:
    camera = Camera.looking((0, 0), height=6, pitch=85, yaw=30, roll=1, fov=50, size=(WIDTH, HEIGHT))
    scale = math.tan(math.radians(37)) / math.tan(math.radians(25))  # 1.62
    wrong = distance(geometry_of_marks(camera, field_of_view=NOMINAL_FIELD_OF_VIEW))
    assert wrong == pytest.approx(scale * math.dist(*MARKS), rel=0.05)


def test_without_depth_a_place_in_the_picture_is_the_same_angle_under_two_lenses() -> None:
    narrow, wide = (
        geometry_of_marks(
            Camera.looking((0, 0), height=6, pitch=60, yaw=30, roll=0, fov=fov, size=(WIDTH, HEIGHT)),
            field_of_view=fov, depth=False,
        )
        for fov in (50, 90)
    )  # fmt: skip
    places = [GEOMETRY_NAMES.index(name) for name in ("centroid_x", "centroid_y", "box_left", "box_bottom")]
    for one, other in zip(narrow, wide, strict=True):
        assert one[places] == pytest.approx(other[places], abs=0.01)


Built = tuple[RegionHeadsModel, RegionProcessor]


def through(table: pa.Table, degrees: float | None) -> pa.Table:
    """The questions about pictures of this field of view."""
    place = table.column_names.index("field_of_view")
    return table.set_column(place, "field_of_view", pa.array([degrees] * len(table), pa.float64()))


def test_at_the_nominal_lens_all_inputs_are_those_of_a_table_that_knows_no_lens(
    table: pa.Table, image_folder: Path, built: Built
) -> None:
    collate = RegionDataCollator(built[1])
    tables = [table.drop_columns(["field_of_view"]), *(through(table, lens) for lens in (None, 74.0, 60.0))]
    batches = []
    for one in tables:
        questions = RegionDataset(one, image_folder, built[1])
        batches.append(collate([questions[row] for row in range(10)]))
    older, unknown, nominal, other = batches
    for same in (unknown, nominal):
        for name in ("pixel_values", "geometry", "coverage", "enclosure"):
            assert getattr(same, name).numpy().tobytes() == getattr(older, name).numpy().tobytes()
    assert not np.allclose(other.geometry, older.geometry)
    assert not np.allclose(other.pixel_values[:, 4], older.pixel_values[:, 4]), "height above the floor"


def test_a_picture_that_comes_with_two_lenses_is_two_scenes(table: pa.Table, image_folder: Path, built: Built) -> None:
    both = pa.concat_tables([through(table, 60.0).slice(0, 1), through(table, 74.0).slice(0, 1)])
    questions = RegionDataset(both, image_folder, built[1])
    batch = RegionDataCollator(built[1])([questions[0], questions[1]])
    assert len(batch.pixel_values) == 2
    assert not np.allclose(batch.geometry[0], batch.geometry[1])


def test_a_model_keeps_the_typical_lens_of_its_training_for_pictures_that_bring_none(
    table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    lenses = [50.0 if image == "0.png" else 60.0 for image in table["image"].to_pylist()]
    place = table.column_names.index("field_of_view")
    model, processor = build(ModelSettings(), table.set_column(place, "field_of_view", pa.array(lenses, pa.float64())))
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    saved = RegionProcessor.from_pretrained(tmp_path)
    assert saved.image_format.field_of_view == 60.0
    unknown, given = (RegionDataset(one, image_folder, saved)[0] for one in (table, through(table, 60.0)))
    assert unknown.regions[0].geometry.tobytes() == given.regions[0].geometry.tobytes()
    assert build(ModelSettings(), table, tmp_path)[1].image_format.field_of_view == NOMINAL_FIELD_OF_VIEW
