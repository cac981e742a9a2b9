"""Outlines, scales and charts, by their geometry."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from pycocotools import mask as coco

from region_heads.report.answer_charts import confusion, curves, scatter
from region_heads.report.calibration import reliability
from region_heads.report.comparison import difference_bar
from region_heads.report.composing import for_script
from region_heads.report.outlines import outline, simplify
from region_heads.report.score_charts import pallets
from region_heads.report.svg import element, nice_steps
from region_heads.report.words import kept


def rle(height: int, width: int, *boxes: tuple[int, int, int, int]) -> str:
    mask = np.zeros((height, width), dtype=np.uint8, order="F")
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = 1
    counts: str = coco.encode(mask)["counts"].decode("ascii")
    return counts


def points(path: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([[float(v) for v in pair.split(",")] for pair in re.findall(r"[\d.]+,[\d.]+", path)])


def test_an_outline_follows_its_mask_at_the_reduced_size() -> None:
    drawn = outline(rle(180, 320, (40, 80, 100, 200)), width=320, height=180, to_width=160)
    corners = points(drawn.path)
    assert corners.min(axis=0) == pytest.approx([40, 20], abs=1)
    assert corners.max(axis=0) == pytest.approx([100, 50], abs=1)
    assert len(corners) <= 12, "straight edges need no more points than their corners"
    assert (drawn.x, drawn.y) == (pytest.approx(70, abs=1), pytest.approx(35, abs=1))


@given(
    st.tuples(st.integers(1, 70), st.integers(1, 90)), st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), st.integers(1, 90),
)  # fmt: skip
def test_any_box_is_outlined_where_it_lies(
    size: tuple[int, int], start: tuple[float, float], share: tuple[float, float], to_width: int
) -> None:
    height, width = size
    top, left = int(start[0] * (height - 1)), int(start[1] * (width - 1))
    bottom, right = (at + max(1, int(s * (n - at))) for at, s, n in zip((top, left), share, size, strict=True))
    drawn = outline(rle(height, width, (top, left, bottom, right)), width=width, height=height, to_width=to_width)
    scale, down = to_width / width, max(1, round(height * to_width / width)) / height
    assert left * scale - 0.1 <= drawn.x <= right * scale + 0.1
    if (right - left) * scale > 2 and (bottom - top) * down > 2:  # what is thinner may not survive the reduction
        corners = points(drawn.path)
        assert corners.min(axis=0) == pytest.approx([left * scale, top * down], abs=1.05)
        assert corners.max(axis=0) == pytest.approx([right * scale, bottom * down], abs=1.05)


def test_a_frame_has_a_hole_and_its_number_stands_on_its_paint() -> None:
    height, width = 100, 100
    mask = np.zeros((height, width), dtype=np.uint8, order="F")
    mask[10:90, 10:90] = 1
    mask[20:80, 20:80] = 0
    counts = coco.encode(mask)["counts"].decode("ascii")
    drawn = outline(counts, width=width, height=height, to_width=100)
    assert drawn.path.count("M") == 2
    assert mask[int(drawn.y), int(drawn.x)] == 1


def test_the_smallest_mask_is_still_drawn_and_an_empty_one_is_not() -> None:
    tiny = outline(rle(1080, 1920, (500, 900, 501, 901)), width=1920, height=1080, to_width=120)
    assert tiny.path.startswith("M")
    assert outline(rle(10, 10), width=10, height=10, to_width=10).path == ""


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=3, max_size=30),
    st.floats(0.01, 5),
)
def test_simplifying_keeps_the_ends_and_stays_close(ring: list[tuple[float, float]], tolerance: float) -> None:
    full = np.array(ring)
    kept = simplify(full, tolerance)
    assert (kept[0] == full[0]).all()
    assert (kept[-1] == full[-1]).all()
    starts, ends = kept[:-1], kept[1:]
    for point in full:
        along = ends - starts
        length = (along**2).sum(axis=1)
        part = np.divide(((point - starts) * along).sum(axis=1), length, out=np.zeros(len(length)), where=length > 0)
        # Points are kept close to the line through their neighbours; projected inside, the distance is the same
        # or, beyond an end, bounded by the distance to a point that was kept.
        nearest = starts + np.clip(part, 0, 1)[:, None] * along
        to_line = np.abs(along[:, 0] * (point - starts)[:, 1] - along[:, 1] * (point - starts)[:, 0])
        to_line = np.divide(to_line, np.sqrt(length), out=np.full(len(length), np.inf), where=length > 0)
        close = np.minimum(np.hypot(*(point - nearest).T), to_line)
        assert close.min() <= tolerance + 1e-9


def test_numbers_are_drawn_in_their_band_and_zeros_in_their_lane() -> None:
    drawing = scatter([(2.0, 2.1, True), (0.0, 0.0, True), (5.0, 9.0, False), (0.0, 1.2, False)], "m")
    assert drawing is not None
    assert drawing.count('class="right"') == 2
    assert drawing.count('class="wrong"') == 2
    assert scatter([(0.0, 0.0, True)], "m") is None


def test_confusions_count_by_true_answer() -> None:
    table = confusion([("left", "left"), ("left", "right"), ("right", "right")])
    assert table is not None
    assert table.answers == ["left", "right"]
    assert table.rows[0] == ("left", [(1, 0.5, True), (1, 0.5, False)])
    assert confusion([]) is None
    assert confusion([(str(i), str(i)) for i in range(40)]) is None


@pytest.mark.parametrize(("accuracy", "inside"), [(None, 0), (0.0, 0), (0.87, 9), (1.0, 10)])
def test_right_answers_stand_inside_the_frame(accuracy: float | None, inside: int) -> None:
    drawing = pallets(accuracy)
    assert drawing.count("<use") == (0 if accuracy is None else 10)
    assert drawing.count("astray") == (0 if accuracy is None else 10 - inside)


def test_curves_of_one_point_and_of_equal_values_are_drawn() -> None:
    assert "polyline" in curves({"score": [(1.0, 0.0)]}, "eval")
    assert "polyline" in curves({"score": [(1.0, 0.5), (2.0, 0.5)]}, "eval")


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_steps_are_round_and_within(low: float, span: float) -> None:
    steps = nice_steps(low, low + span)
    assert 1 <= len(steps) <= 8
    assert all(low - 1e-6 * span <= step <= low + span * (1 + 1e-6) for step in steps)


def test_plain_text_is_escaped_and_drawings_are_not() -> None:
    assert element("text", "<b>", class_='"') == Markup('<text class="&#34;">&lt;b&gt;</text>')
    assert element("g", element("text", "a")) == Markup("<g><text>a</text></g>")


@given(st.text())
def test_json_in_a_script_cannot_end_it(text: str) -> None:
    safe = for_script({"text": text})
    assert not set("<>&\u2028\u2029") & set(safe)


def test_a_long_curve_is_drawn_as_means_that_keep_its_level() -> None:
    noisy = [(float(step), 1.0 + (-1) ** step) for step in range(5000)]
    drawn = curves({"loss": noisy}, "loss")
    points = re.search(r'points="([^"]+)"', drawn)
    assert points
    heights = {point.split(",")[1] for point in points[1].split()}
    assert len(points[1].split()) <= 100
    assert len(heights) == 1, "the mean of every window is 1"


def test_a_column_is_as_high_as_it_is_right_and_what_was_promised_beyond_is_empty() -> None:
    entry = {"low": 0.9, "high": 1.0, "confidence": 0.95, "accuracy": 0.5, "n": 40}
    drawn = reliability([entry])
    assert "confidence 95 %, accuracy 50 % in 40 questions" in drawn
    (missing,) = re.findall(r'class="missing"[^>]*y="([\d.]+)"[^>]*height="([\d.]+)"', drawn)
    (deck,) = re.findall(r'class="deck"[^>]*y="([\d.]+)"[^>]*height="([\d.]+)"', drawn)
    assert float(missing[0]) + float(missing[1]) == pytest.approx(float(deck[0]))
    assert float(missing[1]) / float(deck[1]) == pytest.approx(0.45 / 0.5)
    assert "few" not in drawn
    underconfident = reliability([entry | {"confidence": 0.4, "n": 3}])
    assert "missing" not in underconfident
    assert 'class="few"' in underconfident


def test_a_difference_is_drawn_around_nothing() -> None:
    same = difference_bar(0.0, (0.0, 0.0), 0.05, "open")
    assert re.search(r'class="zero" x1="160.?0?"', same)
    assert 'width="2"' in same, "no width at all could not be seen"
    assert 'cx="312' in difference_bar(0.1, (0.05, 0.1), 0.1, "better")


def test_the_report_says_which_step_was_kept_against_the_last() -> None:
    lines = {"score": [(10.0, 0.9), (20.0, 0.875)], "kept": [(10.0, 0.9)]}
    sentence = "The model is that of step 10 of 20, with S1 90.0 on the validation split; the last step had 87.5."
    assert kept(lines) == sentence
    assert kept({"loss": [(10.0, 1.0)]}) == ""
