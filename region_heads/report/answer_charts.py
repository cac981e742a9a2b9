"""The report's drawings of answers: predicted against true numbers, tables of confusions, training curves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from markupsafe import Markup

from region_heads.report.svg import element, linear, logarithmic, nice_steps, picture

_MOST_POINTS = 1500  # more would only overlap, and weigh in the page
_CURVE_POINTS = 100  # a value for each step would be a band of noise
_DECADES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


def scatter(pairs: Sequence[tuple[float, float, bool]], unit: str) -> Markup | None:
    """Predicted against true on logarithmic axes with the official band of ±10 %.

    Args:
        pairs: (true, predicted, right). Zeros have no place on a logarithmic axis and get a lane of their own.
        unit: Of both axes.

    Returns:
        None when no pair has two positive numbers.
    """
    positive = [value for true, predicted, _ in pairs for value in (true, predicted) if value > 0]
    if not any(true > 0 and predicted > 0 for true, predicted, _ in pairs):
        return None
    low, high = max(min(positive), 0.02) * 0.8, max(positive) * 1.25
    size, lane, left, top = 300.0, 36.0, 36.0, 8.0
    x = logarithmic(low, high, left + lane, left + size)
    y = logarithmic(low, high, top + size - lane, top)

    def place(value: float, lane_at: float, scale: Any) -> float:
        return float(scale(min(max(value, low), high)) if value > 0 else lane_at)

    band = [(low, low * 1.1), (high / 1.1, high), (high, high), (high, high * 0.9), (low / 0.9, low), (low, low)]
    parts = [
        element("rect", class_="lane", x=left, y=top, width=lane - 8, height=size),
        element("rect", class_="lane", x=left, y=top + size - lane + 8, width=size, height=lane - 8),
        element("polygon", class_="band", points=" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in band)),
        element("text", "0", class_="axis", x=left + (lane - 8) / 2, y=top + size + 16, text_anchor="middle"),
        element("text", "0", class_="axis", x=left - 6, y=top + size - (lane - 8) / 2 + 4, text_anchor="end"),
    ]
    for value in _DECADES:
        if low <= value <= high:
            parts += [
                element("line", class_="grid", x1=x(value), x2=x(value), y1=top, y2=top + size),
                element("line", class_="grid", x1=left, x2=left + size, y1=y(value), y2=y(value)),
                element("text", f"{value:g}", class_="axis", x=x(value), y=top + size + 16, text_anchor="middle"),
                element("text", f"{value:g}", class_="axis", x=left - 6, y=y(value) + 4, text_anchor="end"),
            ]
    step = max(1, -(-len(pairs) // _MOST_POINTS))
    middle_x, middle_y = left + (lane - 8) / 2, top + size - (lane - 8) / 2
    for true, predicted, right in sorted(pairs[::step], key=lambda pair: not pair[2]):
        parts.append(
            element(
                "circle", element("title", f"true {true:.2f} {unit}, predicted {predicted:.2f} {unit}"),
                class_="right" if right else "wrong",
                cx=round(place(true, middle_x, x), 1), cy=round(place(predicted, middle_y, y), 1), r=2.8,
            )
        )  # fmt: skip
    parts += [
        element("text", f"true, {unit}", class_="name", x=left + size, y=top + size + 34, text_anchor="end"),
        element("text", f"predicted, {unit}", class_="name", x=left + 10, y=top + 16),
    ]
    label = f"predicted against true, {len(pairs)} questions; points inside the band count as right"
    return picture(left + size + 12, top + size + 42, *parts, label=label, class_="scatter")


@dataclass(frozen=True)
class Confusion:
    """``rows[i]`` is (true answer, [(count, share of the row, is the diagonal)]); ``answers`` head the columns."""

    answers: list[str]
    rows: list[tuple[str, list[tuple[int, float, bool]]]]


def confusion(pairs: Sequence[tuple[str, str]], most: int = 12) -> Confusion | None:
    """How often each true answer got which prediction; None when there are none, or too many answers."""
    counts = Counter(pairs)
    answers = sorted({answer for pair in counts for answer in pair}, key=lambda text: (len(text), text))
    if not answers or len(answers) > most:
        return None
    rows = []
    for true in sorted({true for true, _ in counts}, key=answers.index):
        total = sum(counts[true, answer] for answer in answers)
        cells = [(counts[true, answer], counts[true, answer] / total, answer == true) for answer in answers]
        rows.append((true, cells))
    return Confusion(answers, rows)


def curves(series: Mapping[str, Sequence[tuple[float, float]]], name: str) -> Markup:
    """Lines over training steps, one for each entry, with their names at their ends.

    Args:
        series: Name to (step, value) pairs, ordered by step, at least one pair each; long ones are averaged.
        name: What they share, for those who cannot see it.
    """
    width, height, left, right, top, bottom = 420.0, 220.0, 44.0, 96.0, 12.0, 28.0
    series = {label: _thinned(points) for label, points in series.items()}
    steps = [step for points in series.values() for step, _ in points]
    values = [value for points in series.values() for _, value in points]
    low, high = min([0.0, *values]), max(values)
    x = linear(min(steps), max(steps), left, width - right)
    y = linear(low, high if high > low else low + 1, height - bottom, top)
    parts = []
    for value in nice_steps(low, high):
        parts += [
            element("line", class_="grid", x1=left, x2=width - right, y1=y(value), y2=y(value)),
            element("text", f"{value:g}", class_="axis", x=left - 6, y=y(value) + 4, text_anchor="end"),
        ]
    for value in nice_steps(min(steps), max(steps), 3):
        parts.append(element("text", f"{value:g}", class_="axis", x=x(value), y=height - 8, text_anchor="middle"))
    ends = _apart({label: y(points[-1][1]) for label, points in series.items()}, top + 4, height - bottom)
    for number, (label, points) in enumerate(series.items()):
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
        colour = f"c{number % 6}"
        parts += [
            element("polyline", class_=f"line {colour}", points=path),
            element("circle", class_=f"end {colour}", cx=x(points[-1][0]), cy=y(points[-1][1]), r=2.6),
            element("text", label, class_=f"label {colour}", x=width - right + 8, y=ends[label] + 4),
        ]
    return picture(width, height, *parts, label=f"{name} over training steps", class_="curves")


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most :data:`_CURVE_POINTS` points, each the mean of as many that follow each other."""
    size = -(-len(points) // _CURVE_POINTS)
    windows = [points[start : start + size] for start in range(0, len(points), size)]
    return [(fmean(step for step, _ in window), fmean(value for _, value in window)) for window in windows]


def _apart(wanted: Mapping[str, float], top: float, bottom: float, gap: float = 14.0) -> dict[str, float]:
    """Heights near the wanted ones that leave room for a line of text each."""
    placed: dict[str, float] = {}
    at = top - gap
    for label in sorted(wanted, key=lambda name: wanted[name]):
        at = placed[label] = max(wanted[label], at + gap)
    over = at - bottom
    return {label: height - over if over > 0 else height for label, height in placed.items()}
