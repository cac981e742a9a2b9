"""Small SVG: elements from attributes, numbers kept short, text escaped, colours left to the style sheet."""

from collections.abc import Callable
from math import floor, log10

from markupsafe import Markup, escape


def element(name: str, *children: str, **attributes: object) -> Markup:
    """``<name …>children</name>``; ``class_`` is class, ``_`` in names is ``-``. Plain strings are escaped."""
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(str(child) if isinstance(child, Markup) else str(escape(child)) for child in children)
    return Markup(f"<{name}{pairs}>{inside}</{name}>")


def picture(width: float, height: float, *children: Markup, label: str, class_: str = "") -> Markup:
    """A drawing with a name for those who cannot see it."""
    return element(
        "svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_=class_ or None
    )


def _value(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(escape(value))


Scale = Callable[[float], float]


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Maps low..high onto start..end."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def logarithmic(low: float, high: float, start: float, end: float) -> Scale:
    """Maps low..high, both above 0, onto start..end by their logarithms."""
    inner = linear(log10(low), log10(high), start, end)
    return lambda value: inner(log10(value))


def nice_steps(low: float, high: float, count: int = 4) -> list[float]:
    """About ``count`` round numbers from low to high."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    magnitude = 10.0 ** floor(log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)
    first = -floor(-low / step)
    return [round((first + i) * step, 10) for i in range(int((high - first * step) / step + 1e-9) + 1)]
