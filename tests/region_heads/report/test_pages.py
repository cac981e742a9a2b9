"""Pages beside the figures: one file, nothing from a network, and text from data stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from region_heads.report.chapters import Bars, Cells, Chapter, page, shares


class Tags(HTMLParser):
    """Elements that are open at the end, and all that were seen."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


HOSTILE = "<script>alert('x')</script>"


def drawn() -> str:
    """A page on which every text is hostile."""
    bars = Bars(HOSTILE, [HOSTILE, "val"], {HOSTILE: [0.25, None], "b": [0.5, 0.0]})
    cells = Cells(HOSTILE, [HOSTILE], [[HOSTILE], ["plain"]], frozenset({1}))
    chapter = Chapter(HOSTILE, HOSTILE, bars=[bars], tables=[cells])
    return page(HOSTILE, summary=HOSTILE, warnings=[HOSTILE], chapters=[chapter])


def test_text_from_data_is_text_and_the_page_is_well_formed() -> None:
    tags = Tags(drawn())
    assert tags.open == []
    assert "script" not in tags.seen


def test_nothing_comes_from_a_network() -> None:
    assert not re.search(r"https?://|//[a-z]|@import|url\(", drawn())


def test_the_longest_bar_fills_its_place_and_a_missing_share_is_a_dash() -> None:
    text = drawn()
    assert re.findall(r"--share:([\d.]+)", text) == ["0.5000", "0.0000", "1.0000", "0.0000"]
    assert "25.0 %" in text and "–" in text
    assert text.count('class="marked"') == 1


def test_shares_of_each_series_add_up() -> None:
    found = shares({"train": {"a": 1, "b": 3}, "val": {"b": 5}, "test": {}})
    assert found == {"a": [0.25, 0.0, None], "b": [0.75, 1.0, None]}
