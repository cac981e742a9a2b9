"""The champion beside the challenger: what changed on the same questions, on one axis around nothing."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from markupsafe import Markup

from region_heads.report.svg import element, linear, picture


def comparison(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """The rows of the comparison: S1, then each task that has questions; None without a champion.

    Returns:
        ``{"limit": "10", "rows": [{"name", "difference", "ci95", "gained", "lost", "kind", "drawing"}]}``; ``limit``
        ends the axis, in points, and ``kind`` is "better" or "worse" where the interval leaves out 0, else "open".
    """
    champion = evaluation["champion"]
    if champion is None:
        return None
    tasks = {name: found for name, found in champion["comparison"]["tasks"].items() if found["n"]}
    whole = champion["comparison"]["score"] | {
        side: sum(found[side] for found in tasks.values()) for side in ("gained", "lost")
    }
    found = {"S1": whole} | tasks
    ends = [abs(bound) for entry in found.values() for bound in entry["ci95"]]
    limit = max(0.05, ceil(20 * max(ends) - 1e-9) / 20)
    return {"limit": f"{100 * limit:.0f}", "rows": [_row(name, entry, limit) for name, entry in found.items()]}


def _row(name: str, entry: Mapping[str, Any], limit: float) -> dict[str, Any]:
    low, high = entry["ci95"]
    kind = "better" if low > 0 else "worse" if high < 0 else "open"
    return {
        "name": name.replace("_", " "),
        "difference": f"{100 * entry['difference']:+.1f}",
        "ci95": f"{100 * low:+.1f} to {100 * high:+.1f}",
        "gained": entry["gained"],
        "lost": entry["lost"],
        "kind": kind,
        "drawing": difference_bar(entry["difference"], (low, high), limit, kind),
    }


def difference_bar(difference: float, ci95: Sequence[float], limit: float, kind: str) -> Markup:
    """A difference of accuracies with its interval on an axis from -limit to limit, 0 painted in the middle."""
    x = linear(-limit, limit, 8, 312)
    start, end = (x(bound) for bound in ci95)
    # The intervals of two equal models have no width; they are still drawn.
    start, end = min(start, x(difference) - 1), max(end, x(difference) + 1)
    parts = [
        element("line", class_="track", x1=x(-limit), x2=x(limit), y1=14, y2=14),
        element("line", class_="zero", x1=x(0), x2=x(0), y1=0, y2=28),
        element("rect", class_=f"ci {kind}", x=start, y=10, width=end - start, height=8, rx=4),
        element("circle", element("title", f"{100 * difference:+.1f} points"), class_=f"dot {kind}", cx=x(difference),
                cy=14, r=5),
    ]  # fmt: skip
    label = (
        f"{100 * difference:+.1f} points, 95 percent interval {100 * ci95[0]:+.1f} to {100 * ci95[1]:+.1f}; "
        f"{ {'better': 'better than', 'worse': 'worse than', 'open': 'not distinguishable from'}[kind] } the champion"
    )
    return picture(320, 28, *parts, label=label, class_="interval")
