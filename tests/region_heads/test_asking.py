"""Questions from outside: each gets an answer or a refusal that says why, and equal pictures are looked at once."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco

from region_heads.asking import Answer, Images, Limits, Refusal, ask
from region_heads.asking import RegionQuestion as Question
from region_heads.prediction import LoadedModel, predict
from region_heads.tasks import TASK_NAMES

HEIGHT, WIDTH = 54, 96
QUESTION = "How far is the pallet <mask> from the pallet <mask>?"
BOXES = [[5, 5, 30, 30], [50, 10, 80, 40]]


def png(seed: int = 0, *, size: tuple[int, int] = (WIDTH, HEIGHT), mode: str = "RGB") -> bytes:
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    pixels = (
        rng.integers(0, 255, shape, dtype=np.uint8) if mode == "RGB" else rng.integers(4000, 9000, shape, np.uint16)
    )
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def rle(left: int, top: int, right: int, bottom: int) -> str:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[top:bottom, left:right] = 1
    counts: str = coco.encode(mask)["counts"].decode("ascii")
    return counts


def _blank(value: float) -> bytes:
    """A depth image that knows no depth."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((HEIGHT, WIDTH), value, np.float32)).save(buffer, format="TIFF")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model(table: pa.Table) -> LoadedModel:
    """The weights that training starts from."""
    from region_heads.modeling.settings import ModelSettings
    from region_heads.training.build import build

    torch.manual_seed(0)
    network, processor = build(ModelSettings(), table)
    return LoadedModel(network.eval(), processor)


@pytest.fixture
def one(model: LoadedModel) -> Callable[..., Answer | Refusal]:
    def ask_one(**changes: Any) -> Answer | Refusal:
        asked = {"question": QUESTION, "image": png(), "regions": BOXES, "without_depth": True} | changes
        (reply,) = ask(model, [Question(**asked)])
        return reply

    return ask_one


def test_a_mask_and_the_box_around_the_same_pixels_are_answered_alike_and_as_predict_does(
    model: LoadedModel, one: Callable[..., Answer | Refusal], tmp_path: Path
) -> None:
    masks = [rle(*box) for box in BOXES]
    replies = [
        one(),
        one(regions=masks),
        one(regions=[{"size": [HEIGHT, WIDTH], "counts": counts} for counts in masks]),
        one(regions=[{"xyxy": list(box)} for box in BOXES]),
        one(regions=[{"xywh": [box[0], box[1], box[2] - box[0], box[3] - box[1]]} for box in BOXES]),
        one(image=base64.b64encode(png()).decode()),
        one(image="data:image/png;base64," + base64.b64encode(png()).decode()),
        one(question="<image>\n" + QUESTION),
        one(task="distance"),
    ]
    (tmp_path / "0.png").write_bytes(png())
    replies.append(one(image=str(tmp_path / "0.png")))
    row = {"id": "q", "image": "0.png", "depth": None, "width": WIDTH, "height": HEIGHT, "question": QUESTION,
           "rle": masks, "task": "distance"}  # fmt: skip
    (expected,) = predict(model, pa.Table.from_pylist([row]), tmp_path, without_depth=True).to_pylist()
    for reply in replies:
        assert isinstance(reply, Answer)
        assert reply.answer == float(expected["prediction"])
        assert reply.confidence == pytest.approx(expected["confidence"], abs=1e-4)
        assert (reply.task, reply.unit) == ("distance", "m")
        assert reply.sentence == f"The distance is {reply.answer:.2f} meters."
        assert reply.routing > 0.9


def test_equal_pictures_are_decoded_once_and_share_a_pass(model: LoadedModel) -> None:
    seen: list[int] = []
    (tower,) = [part for name, part in model.network.named_modules() if name.endswith("vision_tower")]
    hook = tower.register_forward_hook(
        lambda _module, inputs, named, _output: seen.append(len((*inputs, *named.values())[0])), with_kwargs=True
    )
    try:
        content = base64.b64encode(png()).decode()
        replies = ask(
            model,
            [Question(question=QUESTION, image=content, regions=BOXES) for _ in range(5)],
            without_depth=True,
        )
        assert seen == [1], "five questions, one picture in one pass"
        seen.clear()
        ask(
            model,
            [Question(question=QUESTION, image=png(seed % 2), regions=BOXES) for seed in range(6)],
            without_depth=True,
        )
        assert seen == [2]
    finally:
        hook.remove()
    assert len({reply.answer for reply in replies if isinstance(reply, Answer)}) == 1


def test_the_lens_of_a_question_is_taken_in_degrees_or_as_intrinsics_and_refused_where_it_cannot_be(
    one: Callable[..., Answer | Refusal],
) -> None:
    depth = png(1, mode="I;16")
    focal = float(WIDTH / 2 / np.tan(np.radians(25)))
    lenses: list[dict[str, Any]] = [{}, {"field_of_view": 50}, {"intrinsics": {"fx": focal}}, {"field_of_view": 1.3}]
    nominal, narrow, same, wrong = (one(depth=depth, **lens) for lens in lenses)
    assert isinstance(nominal, Answer)
    assert isinstance(narrow, Answer)
    assert narrow == same
    assert narrow != nominal
    assert isinstance(wrong, Refusal)
    assert (wrong.problem.check, wrong.problem.field, wrong.problem.found) == ("lens", "field_of_view", "1.3")


def test_a_picture_with_two_depth_images_is_two_scenes(model: LoadedModel) -> None:
    depths = [png(seed, mode="I;16") for seed in (1, 2)]
    alone = [ask(model, [Question(question=QUESTION, image=png(), regions=BOXES, depth=depth)])[0] for depth in depths]
    together = ask(model, [Question(question=QUESTION, image=png(), regions=BOXES, depth=depth) for depth in depths])
    for first, second in zip(alone, together, strict=True):
        assert isinstance(first, Answer)
        assert isinstance(second, Answer)
        assert first.answer == pytest.approx(second.answer, rel=1e-3)


def test_a_bad_question_does_not_touch_the_others(model: LoadedModel) -> None:
    good = Question(question=QUESTION, image=png(), regions=BOXES)
    bad = Question(question=QUESTION, image=b"no picture", regions=BOXES)
    replies = ask(model, [bad, good, bad, good], without_depth=True)
    assert [type(reply) for reply in replies] == [Refusal, Answer, Refusal, Answer]


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"question": 3}, "question", "expected text, found 3"),
        ({"question": "  "}, "question", "expected text"),
        ({"question": "How far? " * 900}, "question", "expected at most 2,000 characters, found 8,100"),
        ({"question": "Good morning, <mask> <mask>!"}, "question", "expected one of the tasks to be read from it"),
        ({"question": "How far is it?", "regions": []}, "question", "expected a <mask> for each region, found none"),
        ({"question": "How far is \ud800 <mask> from <mask>?"}, "question", "expected text in valid Unicode"),
        ({"regions": BOXES[:1]}, "regions", "expected one for each of the 2 <mask> of the question, found 1"),
        ({"regions": None}, "regions", "expected a list, found None"),
        ({"regions": BOXES * 40}, "regions", "expected at most 64, found 80"),
        ({"regions": [BOXES[0], [5, 5, 200, 30]]}, "regions.1", "expected a box 0 <= left < right <= 96"),
        ({"regions": [BOXES[0], [5, 5, float("nan"), 30]]}, "regions.1", "expected a box of four numbers"),
        ({"regions": [BOXES[0], [5, 5, 10**400, 30]]}, "regions.1", "expected a box of four numbers"),
        ({"regions": [BOXES[0], "?"]}, "regions.1", "expected "),
        ({"regions": [BOXES[0], rle(0, 0, 0, 0)]}, "regions.1", "expected a mask with at least one pixel"),
        ({"regions": [BOXES[0], {"xyxy": {"xyxy": [0, 0, 9, 9]}}]}, "regions.1", "a box of four numbers"),
        ({"regions": [BOXES[0], {"xywh": [0.5, 0, 10**400, 1]}]}, "regions.1", "a box of four numbers"),
        ({"regions": [BOXES[0], {"size": [9, 9], "counts": "1"}]}, "regions.1.size", r"expected [54, 96], as the"),
        ({"image": None}, "image", "expected a picture in base64, or its path, found None"),
        ({"image": "/nothing/here.png"}, "image", "expected a picture in base64, or the path of a file"),
        ({"image": b"GIF89a"}, "image", "expected a picture (PNG, JPEG, WEBP, BMP, TIFF), found 6 bytes"),
        ({"image": png()[:400]}, "image", "expected a readable picture, found image file is truncated"),
        ({"depth": png()}, "depth", "expected a depth image with one channel, found mode RGB"),
        ({"depth": png(size=(20, 20), mode="I;16")}, "depth", "the picture's size, 96 x 54, found 20 x 20"),
        ({"depth": 3}, "depth", "expected a picture in base64"),
        ({"depth": _blank(0)}, "depth", "expected a depth that is known, at 0.001 m for one unit, found none"),
        ({"depth": _blank(np.nan)}, "depth", "expected a depth that is known"),
        ({"depth": _blank(-2000.0)}, "depth", "expected a depth that is known"),
        ({"task": "size"}, "task", "expected one of distance, left_right, multiple_choice, counting, found 'size'"),
    ],
)
def test_a_refusal_says_what_was_expected_and_found(
    one: Callable[..., Answer | Refusal], change: dict[str, Any], field: str, message: str
) -> None:
    reply = one(**change)
    assert isinstance(reply, Refusal)
    assert reply.problem.field == field
    assert message in str(reply)
    assert reply.problem.advice


def test_a_picture_that_claims_to_be_huge_is_not_decoded(model: LoadedModel) -> None:
    limits = Limits(pixels=WIDTH * HEIGHT - 1)
    (reply,) = ask(model, [Question(question=QUESTION, image=png(), regions=BOXES)], limits=limits)
    assert isinstance(reply, Refusal)
    assert str(reply) == "image: expected at most 5,183 pixels, found 96 x 54; send a smaller picture, with its masks"


def test_regions_whose_depths_would_take_long_to_measure_are_refused(model: LoadedModel) -> None:
    limits = Limits(measured=1_000)  # the boxes cover 625 and 900 pixels
    depth = png(1, mode="I;16")
    asked = [Question(question=QUESTION, image=png(), regions=BOXES, depth=given) for given in (depth, None)]
    with_depth, without = ask(model, asked, limits=limits, without_depth=True)
    assert isinstance(with_depth, Refusal)
    assert str(with_depth) == (
        "regions: expected at most 1,000 pixels with a depth image in all regions of a request, found 1,525; "
        "mark less, send smaller pictures, or several requests"
    )
    assert isinstance(without, Answer)


def test_a_request_may_not_cost_more_than_its_share_however_small_its_questions(model: LoadedModel) -> None:
    depth = png(mode="I;16")
    asked = [Question(question=QUESTION, image=png(seed), depth=depth, regions=BOXES) for seed in (0, 1, 0, 1)]
    full = {"all_pixels": 3 * WIDTH * HEIGHT, "spans": 4 * 55, "measured": 4 * 1_525}
    for what, most in full.items():
        fits, exceeds = (ask(model, asked, limits=Limits(**{what: limit})) for limit in (most, most - 1))
        assert all(isinstance(reply, Answer) for reply in fits), what
        assert isinstance(exceeds[0], Answer)
        refused = [reply for reply in exceeds if isinstance(reply, Refusal)]
        assert len(refused) == (2 if what == "all_pixels" else 1), what
        assert "request" in str(refused[0])


def test_a_picture_that_a_request_repeats_is_decoded_once_be_it_good_or_bad(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[object] = []
    real = Images.content
    monkeypatch.setattr(Images, "content", lambda *given: taken.append(given[-1]) or real(*given))
    texts = [base64.b64encode(content).decode() for content in (png(), png()[:200])]
    ask(model, [Question(question=QUESTION, image=text, regions=BOXES) for text in texts * 20])
    assert taken == texts


def test_wide_regions_are_refused_by_the_columns_that_they_cross(model: LoadedModel) -> None:
    picture = png(size=(50_000, 1))
    asked = Question(question=QUESTION, image=picture, regions=[[0, 0, 50_000, 1]] * 2)
    (reply,) = ask(model, [asked], limits=Limits(spans=99_999))
    assert isinstance(reply, Refusal)
    assert "at most 99,999 columns of pixels" in str(reply)


def test_paths_do_not_leave_the_folder_that_is_served(model: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    for place in (tmp_path / "0.png", tmp_path / "served" / "0.png"):
        place.write_bytes(png())
    images = Images(tmp_path / "served")

    def asked(image: str) -> Answer | Refusal:
        return ask(model, [Question(question=QUESTION, image=image, regions=BOXES)], images=images, without_depth=True)[
            0
        ]

    assert isinstance(asked("0.png"), Answer)
    for outside in ("../0.png", str(tmp_path / "0.png"), "/etc/passwd", "served/../../0.png"):
        refused = asked(outside)
        assert isinstance(refused, Refusal)
        assert "below the folder that is served" in str(refused)


def test_base64_is_not_taken_for_a_path_of_thousands_of_folders(model: LoadedModel, tmp_path: Path) -> None:
    content = png(size=(640, 360))
    text = base64.b64encode(content).decode()
    assert text.count("/") > 5000, "to look each of them up would take minutes"
    boxes = [[5, 5, 30, 30], [50, 10, 80, 40]]
    (reply,) = ask(
        model,
        [Question(question=QUESTION, image=text, regions=boxes)],
        images=Images(tmp_path),
        without_depth=True,
    )
    assert isinstance(reply, Answer)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(["question", "image", "regions", "depth", "task"]), value=ANYTHING)
def test_whatever_stands_in_a_field_there_is_an_answer_or_a_refusal(
    one: Callable[..., Answer | Refusal], field: str, value: Any
) -> None:
    reply = one(**{field: value})
    assert isinstance(reply, Answer | Refusal)
    if isinstance(reply, Answer):
        assert reply.task in TASK_NAMES
