"""Great Expectations in validate: the suite judges, a data set brings its own, and the pages show what was found."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from region_heads.errors import RegionHeadsError
from region_heads.report.validation import write_page
from tests.components.validate.conftest import Run, sound_records, spoilt, write


def test_what_the_suite_rejects_is_quarantined_as_it_stood_in_its_file(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(normalized_answer=23000.0))
    (warehouse / "val").symlink_to(warehouse / "train")
    others = [record | {"id": f"v{number}"} for number, record in enumerate(sound_records())]
    others[6]["normalized_answer"] = 450.5 if others[6]["category"] == "distance" else others[6]["normalized_answer"]
    others[4]["normalized_answer"] = 450.5
    (warehouse / "val.json").write_text(json.dumps(others, indent=2), encoding="utf-8")
    outputs = run(warehouse, expectations=True)
    assert [(line["file"], line["record"]) for line in outputs.quarantined] == [("train.json", 1), ("val.json", 5)]
    assert outputs.quarantined[1]["content"] == others[4]
    assert outputs.quarantined[1]["reasons"][0]["found"] == "450.5"
    assert outputs.quarantined[1]["line"] > 100
    assert outputs.result == {"read": 16.0, "accepted": 14.0, "quarantined": 2.0}


class Page(HTMLParser):
    """Visible words and links of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words = ""
        self._hidden = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script")
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.words += "" if self._hidden else data


def test_data_docs_are_read_without_a_network_and_report_no_visit(warehouse: Path, run: Run) -> None:
    outputs = run(warehouse, pages=True)
    folder = outputs.folder / "data_docs"
    write_page(outputs.report, folder)
    index = Page(folder / "index.html")
    (found, expected) = [folder / link for link in index.links if link.startswith(("validations/", "expectations/"))]
    assert "8 records read, 8 accepted, 0 rejected" in index.words and "not judged" in index.words
    assert "target_distance" in Page(found).words
    assert "target_distance" in Page(expected).words
    for page in folder.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "great-expectations-web-assets" not in text
        assert "newsletter" not in text
        assert text.count("<style") == text.count("</style>")


def test_the_pages_name_the_failing_rows_by_file_record_and_id(warehouse: Path, run: Run) -> None:
    write(warehouse, spoilt(normalized_answer=23000.0))
    folder = run(warehouse, pages=True).folder / "data_docs"
    (page,) = (folder / "validations").rglob("*.html")
    words = " ".join(Page(page).words.split())
    assert "23000" in words
    assert "train.json" in words and "r0" in words


def test_a_data_set_brings_expectations_of_its_own(warehouse: Path, run: Run) -> None:
    (warehouse / "mine.yaml").write_text(
        "- expect_column_values_to_be_between: {column: n_masks, max_value: 2}\n"
        "  severity: critical\n  advice: we ask about pairs\n"
        "- expect_column_median_to_be_between: {column: target_distance, min_value: 5, max_value: 10}\n"
        "  severity: warning\n  advice: our halls are larger\n"
    )
    outputs = run(warehouse, suite="mine.yaml")
    assert outputs.result["quarantined"] == 4, "two choices and two counts have three regions"
    assert {line["reasons"][0]["advice"] for line in outputs.quarantined} == {"we ask about pairs"}
    failed = {one["advice"]: one for one in outputs.report["expectations"]["failed"]}
    assert failed["our halls are larger"]["severity"] == "warning"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"mine.yaml: no such file; validate.suite in params.yaml"),
        ("{", r"mine.yaml, line 1: not readable as YAML"),
        ("severity: critical", r"mine.yaml: expected a list of expectations, found dict"),
        (
            "- expect_column_to_exists: {column: id}",
            r"entry 1: unknown expectation 'expect_column_to_exists'; did you mean",
        ),
        ("- expect_column_to_exist: {colum: id}", r"entry 1: expect_column_to_exist: .*column"),
        ("- expect_column_to_exist: {column: id}\n  severity: fatal", r"severity: expected one of critical, warning"),
        ("- expect_column_to_exist: {column: id}\n  needs: few", r"needs: expected a number of values of its column"),
        ("- expect_column_to_exist: {column: id}\n  advise: x", r"expected one expectation with severity and advice"),
    ],
)
def test_a_suite_that_is_not_usable_is_reported(warehouse: Path, run: Run, content: str | None, said: str) -> None:
    if content is not None:
        (warehouse / "mine.yaml").write_text(content)
    with pytest.raises(RegionHeadsError, match=said):
        run(warehouse, suite="mine.yaml")


def test_what_needs_more_values_than_there_are_is_not_judged(warehouse: Path, run: Run) -> None:
    (warehouse / "mine.yaml").write_text(
        "- expect_column_median_to_be_between: {column: target_distance, min_value: 100}\n  needs: 3\n"
        "- expect_column_median_to_be_between: {column: target_count, min_value: 100}\n  needs: 2\n"
    )
    outputs = run(warehouse, suite="mine.yaml", expectations=True)
    assert [one["name"] for one in outputs.report["expectations"]["failed"]] == [
        "expect_column_median_to_be_between(target_count)"
    ]
    assert outputs.report["expectations"]["evaluated"] == 2
