"""The page of validation: what was read and rejected, what of the whole is unusual, and where to look further."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from region_heads.files.output import whole_file
from region_heads.quality.validation.report import about_pictures
from region_heads.report.chapters import Bars, Cells, Chapter, page, shares

_FURTHER = {"validations": "Failing rows of each expectation", "expectations": "What is expected of a record"}


def write_page(content: Mapping[str, Any], data_docs: Path) -> None:
    """Makes it the first page of the folder ``data_docs``, beside the pages of Great Expectations, to which it leads.

    Args:
        content: The report (:func:`region_heads.quality.validation.checking.check`).
    """
    links = {
        file.relative_to(data_docs).as_posix(): words
        for kind, words in _FURTHER.items()
        for file in sorted((data_docs / kind).rglob("*.html"))
    }
    with whole_file(data_docs / "index.html") as partial:
        partial.write_text(render(content, links), encoding="utf-8")


def render(content: Mapping[str, Any], links: Mapping[str, str]) -> str:
    """The page for the report's ``content``, with links to other pages by their address."""
    passed = content["gate"]["passed"]
    summary = (
        f"{content['read']:,} records read, {content['accepted']:,} accepted, {content['quarantined']:,} rejected; "
        f"{content['unanswered']:,} without an answer, about {content['pictures']:,} pictures. "
        + ("The line goes on." if passed else "The gate stops the line.")
    )
    warnings = [f"The gate stops the line: {one}" for one in content["gate"]["refusals"]]
    return page(
        "What was found in the data", summary=summary, warnings=warnings, chapters=list(_chapters(content)), links=links
    )


def _chapters(content: Mapping[str, Any]) -> Iterator[Chapter]:
    reasons = [[check, f"{count:,}", content["examples"][check]] for check, count in content["reasons"].items()]
    yield Chapter(
        "Rejected records",
        "Each stands whole, with its reasons, in the quarantine." if reasons else "None was rejected.",
        tables=[Cells("Reasons", ["check", "records", "for example"], reasons)] if reasons else [],
    )
    files = [[name, f"{count:,}"] for name, count in content["files"].items()]
    yield Chapter(
        "What was read",
        "Tasks by the records' own category; “None” has none, and is read in the question's words.",
        bars=[Bars("Category", ["accepted"], shares({"accepted": content["categories"]}))]
        if content["accepted"]
        else [],
        tables=[Cells("Files", ["file", "records"], files)],
    )
    pictures = [[line] for line in about_pictures(content)]
    if pictures:
        yield Chapter("Pictures and depth", "", tables=[Cells("Pictures", ["what was found"], pictures)])
    failed, held = content["expectations"]["failed"], content["expectations"]["held"]
    rows = [
        [
            one["name"], "critical" if one["severity"] == "critical" else "unusual", one["expected"],
            one["observed"] if one["rows"] is None else f"{one['rows']:,} records", one["advice"],
        ]
        for one in failed
    ]  # fmt: skip
    for one in held:
        number = one["observed"].removeprefix("not judged: ")
        rows.append([one["name"], "not judged" if number != one["observed"] else "holds", one["expected"], number, ""])
    about = (
        f"{len(failed)} of {len(rows)} do not hold. What is unusual is only reported; what is critical rejects its "
        "records, or stops the line."
    )
    if not rows:
        about = "None was judged, as no record was accepted."
    header = ["expectation", "verdict", "expected", "found", "what to do"]
    marked = frozenset(range(len(failed)))
    yield Chapter("What is expected", about, tables=[Cells("Expectations", header, rows, marked)] if rows else [])
