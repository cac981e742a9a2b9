"""A step's page: chapters of charts and tables, as data and as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from region_heads.quality.drift.profile import by_number
from region_heads.report.html import fill


@dataclass(frozen=True)
class Bars:
    """Shares side by side.

    Attributes:
        series: Names of what is compared.
        rows: Label to one share in 0..1 for each of ``series``; None draws nothing.
    """

    title: str
    series: Sequence[str]
    rows: Mapping[str, Sequence[float | None]]

    @property
    def largest(self) -> float:
        """The share that fills the width."""
        return max((share for shares in self.rows.values() for share in shares if share), default=1.0)


@dataclass(frozen=True)
class Cells:
    """A table; a row whose number is in ``marked`` stands out."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Chapter:
    """A heading, what it is about, charts beside each other, and tables below each other."""

    title: str
    about: str
    bars: Sequence[Bars] = field(default_factory=list)
    tables: Sequence[Cells] = field(default_factory=list)


def page(
    title: str, *, summary: str, warnings: Sequence[str], chapters: Sequence[Chapter], links: Mapping[str, str] = {}
) -> str:
    """The page as HTML; all text is escaped. ``links`` are words by the address that they lead to."""
    return fill("page.html.j2", title=title, summary=summary, warnings=warnings, chapters=chapters, links=links)


def shares(counts: Mapping[str, Mapping[str, int]]) -> dict[str, list[float | None]]:
    """Counts by series and label, as the rows of :class:`Bars`: each series adds up to 1, an empty one is None.

    Numbers are in their order, and names in that in which they came.
    """
    labels = sorted(dict.fromkeys(label for series in counts.values() for label in series), key=by_number)
    totals = {name: sum(series.values()) for name, series in counts.items()}
    return {
        label: [series.get(label, 0) / totals[name] if totals[name] else None for name, series in counts.items()]
        for label in labels
    }
