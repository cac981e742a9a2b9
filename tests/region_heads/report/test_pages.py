"""Pages beside the figures: one file, nothing from a network, and text from data stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pyarrow as pa

from region_heads.quality.drift.profile import PROFILE_SCHEMA
from region_heads.quality.drift.shift import Shift, shifts
from region_heads.report.chapters import Bars, Cells, Chapter, page, shares
from region_heads.report.shifts import advice, feature_tables
from region_heads.tasks import TASKS


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


def test_numbers_are_in_their_order_and_names_in_that_in_which_they_came() -> None:
    found = shares({"train": {"10": 1, "9": 1}, "val": {"0": 1, "above 20": 1, "0-1": 2, "15-20": 1}})
    assert list(found) == ["0", "0-1", "9", "10", "15-20", "above 20"]
    assert list(shares({"train": {"right": 1, "left": 1}})) == ["right", "left"]


def test_each_feature_that_can_drift_has_advice_and_chance_is_called_so() -> None:
    features = [
        {
            "name": shift.name,
            "first": "a",
            "second": "b",
            "size": 0.3,
            "measure": "m",
            "drifted": even,
            "chance": not even,
        }
        for number, shift in enumerate(every_feature())
        for even in [number % 2 == 0]
    ]
    table, todo = feature_tables(features, first="champion", second="new")
    assert {row[1] for row in table.rows} == {"drifted", "may be chance"}
    assert len(todo.rows) == len(table.marked) == (len(features) + 1) // 2
    assert all(advice(one["name"]) for one in features)


def every_feature() -> list[Shift]:
    """Those of two profiles that hold every task."""
    rows = [
        {"task": task.name, "wording": "w", "regions": 2, "mask_share": 0.1, "brightness": 0.5, "contrast": 0.1}
        | {task.target_column: {"string": "left"}.get(task.target_dtype, 1)}
        for task in TASKS
    ]
    profile = pa.Table.from_pylist(rows, schema=PROFILE_SCHEMA)
    return shifts(profile, profile, limit=0.1)


def test_the_light_of_a_picture_counts_once_and_not_once_a_question() -> None:
    """Else the questions about ten pictures would be forty samples, and chance would look like drift."""
    one, other = (
        pa.Table.from_pylist(
            [
                {"task": TASKS[0].name, "wording": "w", "regions": 2, "mask_share": 0.1, "contrast": 0.1,
                 "brightness": (number + half) / 12}
                for number in range(10) for _ in range(4)
            ],
            schema=PROFILE_SCHEMA,
        )
        for half in (0.0, 3.5)
    )  # fmt: skip
    (light,) = [shift for shift in shifts(one, other, limit=0.1) if shift.name.startswith("brightness")]
    assert (light.size > 0.3, light.drifted, light.chance) == (True, False, True)
