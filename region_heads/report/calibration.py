"""The report's drawings of calibration: columns of pallets beside the height of its mean confidence."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from region_heads.report.svg import element, linear, picture

_FEW = 10  # questions below which a column is drawn pale: one answer moves it by a tenth


def reliability(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """A column for each bin of confidence, as high as its accuracy, and a yellow mark at its mean confidence.

    What is missing below the mark is drawn as an empty, dashed outline: there the model is overconfident.

    Args:
        bins: As in the evaluation: ``low``, ``high``, ``confidence``, ``accuracy`` (0..1) and ``n``.
    """
    left, top, right, bottom = 48.0, 10.0, 340.0, 190.0
    x, y = linear(0, 1, left, right), linear(0, 1, bottom, top)
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(element("line", class_="grid", x1=left, x2=right, y1=y(share), y2=y(share)))
    for share in (0, 0.5, 1):
        parts.append(element("text", f"{100 * share:.0f} %", class_="axis", x=left - 6, y=y(share) + 4,
                             text_anchor="end"))  # fmt: skip
    parts.append(element("line", class_="ideal", x1=x(0), x2=x(1), y1=y(0), y2=y(1)))
    for entry in bins:
        parts.append(_column(entry, x(entry["low"]) + 2, x(entry["high"]) - 2, y))
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(element("text", f"{100 * share:.0f}", class_="axis", x=x(share), y=bottom + 17,
                             text_anchor="middle"))  # fmt: skip
    parts.append(element("text", "confidence, %", class_="name", x=right, y=bottom + 34, text_anchor="end"))
    parts.append(element("text", "accuracy", class_="name", x=left + 6, y=top + 14))
    label = "; ".join(_in_words(entry) for entry in bins)
    return picture(right + 12, bottom + 40, *parts, label=label, class_="reliability")


def _column(entry: Mapping[str, Any], start: float, end: float, y: Any) -> Markup:
    says, is_right = y(entry["confidence"]), y(entry["accuracy"])
    parts = [element("title", _in_words(entry))]
    if is_right > says:
        parts.append(element("rect", class_="missing", x=start, y=says, width=end - start, height=is_right - says))
    if y(0) > is_right:
        parts.append(element("rect", class_="deck", x=start, y=is_right, width=end - start, height=y(0) - is_right))
        decks = range(1, int((y(0) - is_right) / 9) + 1)
        slats = "".join(f"M{start:.1f} {y(0) - 9 * deck:.1f}H{end:.1f}" for deck in decks)
        if slats:
            parts.append(element("path", class_="slats", d=slats))
    parts.append(element("line", class_="says", x1=start - 1, x2=end + 1, y1=says, y2=says))
    return element("g", *parts, class_="few" if entry["n"] < _FEW else None)


def _in_words(entry: Mapping[str, Any]) -> str:
    return (
        f"confidence {100 * entry['confidence']:.0f} %, accuracy {100 * entry['accuracy']:.0f} % "
        f"in {entry['n']} question{'' if entry['n'] == 1 else 's'}"
    )
