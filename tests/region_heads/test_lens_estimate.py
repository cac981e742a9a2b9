"""What depth images show of their lens: how exact it is, what metres it gives, and when nothing is claimed."""

from __future__ import annotations

import io
import math

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from region_heads.asking import Answer, RegionQuestion, ask
from region_heads.floor_plane import survey
from region_heads.lens import NOMINAL_FIELD_OF_VIEW
from region_heads.lens_estimate import estimate_field_of_view
from region_heads.modeling.settings import ModelSettings
from region_heads.prediction import LoadedModel
from region_heads.tabletop.drawing import draw_scene as table_scene
from region_heads.tabletop.render import look
from region_heads.training.build import build
from tests.region_heads.rendered_scenes import HEIGHT, WIDTH, scene

SCENES = range(8)
LENSES = (50.0, 85.0)


def marks(number: int) -> NDArray[np.float64]:
    """Two places on the floor, far from each other, that every lens of the test shows: ``[2, 3]`` in the world."""
    points = scene(number, min(LENSES))[1].reshape(-1, 3)
    floor = points[np.abs(points[:, 2]) < 1e-3]
    first = floor[0]
    return np.stack([first, floor[np.argmax(np.linalg.norm(floor - first, axis=1))]])


def measured(number: int, degrees: float, believed: float) -> float:
    """Metres between the marks, in a picture of that lens and under the belief of another one."""
    depth, _, camera = scene(number, degrees)
    ground = survey(depth, field_of_view=believed)
    assert ground is not None
    x, y, _ = camera.project(marks(number))
    columns, rows = (np.clip(np.floor(at).astype(np.int64), 0, most - 1) for at, most in ((x, WIDTH), (y, HEIGHT)))
    places = ground.at(rows, columns)[:, :2]
    return float(np.linalg.norm(places[0] - places[1]))


@pytest.mark.parametrize("degrees", LENSES)
def test_a_distance_is_right_through_a_given_lens_near_through_an_estimated_and_scaled_through_a_wrong_one(
    degrees: float,
) -> None:
    errors: dict[str, list[float]] = {"given": [], "estimated": [], "wrong": []}
    for number in SCENES:
        truth = math.dist(*marks(number))
        found = estimate_field_of_view(scene(number, degrees)[0])
        assert found is not None
        for name, believed in (("given", degrees), ("estimated", found.degrees), ("wrong", NOMINAL_FIELD_OF_VIEW)):
            errors[name].append(abs(measured(number, degrees, believed) / truth - 1))
    assert max(errors["given"]) < 0.02
    assert np.median(errors["estimated"]) < 0.02
    assert max(errors["estimated"]) < 0.05
    assert np.median(errors["wrong"]) > 0.1


@pytest.mark.parametrize("degrees", LENSES)
def test_the_estimate_is_within_a_degree_where_it_is_sure_and_withstands_noise(degrees: float) -> None:
    rng = np.random.default_rng(0)
    for noise in (0.0, 0.001):
        found = []
        for number in SCENES:
            depth = scene(number, degrees)[0]
            found.append(estimate_field_of_view(depth * (1 + noise * rng.standard_normal(depth.shape, np.float32))))
        sure = [one.degrees - degrees for one in found if one is not None and one.sure]
        assert len(sure) >= 6
        assert np.abs(sure).max() < 1


def test_slanted_and_round_things_are_not_taken_for_upright_ones() -> None:
    """On the table-top stand spheres and cones."""
    errors = []
    for number in range(8):
        drawn = table_scene(np.random.default_rng([5, number]), (480, 360))
        found = estimate_field_of_view((np.rint(look(drawn).hits.distance * 1000) / 1000).reshape(360, 480))
        if found is not None and found.sure:
            errors.append(found.degrees - drawn.field_of_view)
    assert len(errors) >= 2
    assert np.abs(errors).max() < 1


def test_the_size_of_the_picture_and_pixels_without_depth_change_little() -> None:
    depth = scene(0, 60.0)[0]
    large = depth.repeat(4, axis=0).repeat(4, axis=1)  # thinned out to every second pixel
    holes = (np.random.default_rng(1).random((HEIGHT // 20, WIDTH // 20)) > 0.2).repeat(20, 0).repeat(20, 1)
    for one in (large, depth * holes):
        found = estimate_field_of_view(one)
        assert found is not None
        assert found.degrees == pytest.approx(60, abs=1)


def test_what_shows_nothing_upright_claims_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = np.arange(HEIGHT)[:, None] - HEIGHT / 2
    floor = np.repeat(1 / (0.12 + 4e-4 * rows), WIDTH, axis=1)  # an empty floor
    floor[60:120, 100:200] *= 0.9  # and a flat thing on it
    for depth in (
        floor,
        np.full((HEIGHT, WIDTH), 6.0),  # seen from straight above
        np.zeros((HEIGHT, WIDTH)),
        np.full((2, 2), 6.0),
        rng.uniform(4, 9, (HEIGHT, WIDTH)),
        rng.uniform(6, 7, (HEIGHT, WIDTH)),
        floor * (1 + 0.01 * rng.standard_normal(floor.shape)),
    ):
        found = estimate_field_of_view(depth.astype(np.float32))
        assert found is None or not found.sure


def _picture(depth: NDArray[np.float32] | None) -> bytes:
    buffer = io.BytesIO()
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if depth is None else np.rint(depth * 1000).astype(np.uint16)
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_question_takes_its_lens_from_what_it_gives_then_its_depth_image_then_the_training(table: pa.Table) -> None:
    torch.manual_seed(0)
    place = table.column_names.index("field_of_view")
    trained = table.set_column(place, "field_of_view", pa.array([60.0] * len(table), pa.float64()))
    network, processor = build(ModelSettings(), trained)
    model = LoadedModel(network.eval(), processor)
    depth = scene(1, 85.0)[0]
    estimate = estimate_field_of_view(depth)
    assert estimate is not None

    def answer(shown: NDArray[np.float32], **lens: float) -> float:
        (reply,) = ask(model, [
            RegionQuestion(
                question="How far is the pallet <mask> from the pallet <mask>?", image=_picture(None),
                depth=_picture(shown), regions=[[20, 60, 80, 120], [200, 90, 300, 170]], **lens,
            )
        ])  # fmt: skip
        assert isinstance(reply, Answer)
        return float(reply.answer)

    assert answer(depth) == answer(depth, field_of_view=estimate.degrees) != answer(depth, field_of_view=60.0)
    plain = np.full((HEIGHT, WIDTH), 6.0, np.float32)  # shows nothing of its lens
    assert answer(plain) == answer(plain, field_of_view=60.0) != answer(plain, field_of_view=85.0)
