"""The report's drawings of scores: pallets in their frames, intervals beside baselines, seen beside novel."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from region_heads.report.svg import Scale, element, linear, picture

Bounds = Sequence[float] | None


def pallets(accuracy: float | None) -> Markup:
    """Ten pallets, one for each tenth: right answers stand in the yellow frame, wrong ones lie outside."""
    inside = 0 if accuracy is None else round(10 * accuracy)
    parts = [
        element("rect", class_="frame", x=4, y=4, width=176, height=72, rx=2),
        *(
            element("use", href="#pallet", x=12 + 33 * (i % 5), y=11 + 32 * (i // 5), width=28, height=28)
            for i in range(inside)
        ),
    ]
    for i in range(10 - inside if accuracy is not None else 0):
        x, y = 192 + 24 * (i % 3), 8 + 22 * (i // 3 % 3)
        turn = f"rotate({(37 * i + 14) % 60 - 30} {x + 11} {y + 11})"
        parts.append(element("use", href="#pallet", class_="astray", x=x, y=y, width=22, height=22, transform=turn))
    label = "no questions" if accuracy is None else f"{inside} of 10 boxes stand inside the frame"
    return picture(268, 80, *parts, label=label, class_="pallets")


def interval_bar(
    accuracy: float | None,
    ci95: Bounds,
    baseline: float | None,
    baseline_ci95: Bounds,
    champion: float | None = None,
) -> Markup:
    """Accuracy with its interval on a track from 0 to 1, the baseline below it, the champion's mark above."""
    x = linear(0, 1, 8, 312)
    parts = [element("line", class_="track", x1=x(0), x2=x(1), y1=34, y2=34)]
    parts += [element("line", class_="tick", x1=x(t / 4), x2=x(t / 4), y1=30, y2=38) for t in range(5)]
    parts += _mark(x, baseline, baseline_ci95, 34, "base")
    parts += _mark(x, accuracy, ci95, 17, "model")
    if champion is not None:
        parts.append(
            element(
                "path", element("title", f"champion {champion:.3f}"),
                class_="champion", d=f"M{x(champion):.1f},9l-5,-7h10Z",
            )
        )  # fmt: skip
    return picture(320, 42, *parts, label=_in_words(accuracy, ci95, baseline), class_="interval")


def dumbbell(seen: Mapping[str, Any], novel: Mapping[str, Any], low: float) -> Markup:
    """Accuracy on seen and on novel wordings, one above the other, on one track from ``low`` to 1."""
    x = linear(low, 1, 8, 312)
    parts = [element("line", class_="track", x1=x(low), x2=x(1), y1=20, y2=20)]
    if seen["accuracy"] is not None and novel["accuracy"] is not None:
        parts.append(element("line", class_="bond", x1=x(seen["accuracy"]), x2=x(novel["accuracy"]), y1=12, y2=28))
    parts += _mark(x, seen["accuracy"], seen["ci95"], 12, "model")
    parts += _mark(x, novel["accuracy"], novel["ci95"], 28, "novel")
    label = f"seen wordings {_share(seen['accuracy'])}, novel wordings {_share(novel['accuracy'])}"
    return picture(320, 40, *parts, label=label, class_="interval")


def share_bar(accuracy: float, ci95: Bounds) -> Markup:
    """A thin bar for one slice."""
    x = linear(0, 1, 2, 118)
    parts = [element("line", class_="track", x1=x(0), x2=x(1), y1=8, y2=8), *_mark(x, accuracy, ci95, 8, "model")]
    return picture(120, 16, *parts, label=_share(accuracy), class_="interval")


def _mark(x: Scale, value: float | None, ci95: Bounds, y: float, kind: str) -> list[Markup]:
    if value is None:
        return []
    parts = []
    if ci95 is not None:
        low, high = max(x(ci95[0]), 2.0), x(ci95[1])
        parts.append(element("rect", class_=f"ci {kind}", x=low, y=y - 3, width=max(2.0, high - low), height=6, rx=3))
    parts.append(element("circle", element("title", f"{value:.3f}"), class_=f"dot {kind}", cx=x(value), cy=y, r=4.5))
    return parts


def _in_words(accuracy: float | None, ci95: Bounds, baseline: float | None) -> str:
    words = f"accuracy {_share(accuracy)}"
    if ci95 is not None:
        words += f", 95 percent interval {_share(ci95[0])} to {_share(ci95[1])}"
    return words if baseline is None else f"{words}; trivial baseline {_share(baseline)}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.0f} percent"
