"""What the step reports: ``validation.json``, a table for the person watching, and the message of a closed gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from region_heads.console.terminal import plain_console
from region_heads.quality.validation.expectations import Outcome
from region_heads.quality.validation.pictures import Pictures
from region_heads.quality.validation.quarantine import Quarantine

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES = 3
_FIELDS = 8


def report_content(
    files: Mapping[str, int],
    answers: Sequence[str],
    kept: pd.DataFrame,
    rejected: Quarantine,
    outcomes: Sequence[Outcome],
    refused: Sequence[str],
    pictures: Pictures | None,
    lenses: Mapping[str, Any],
) -> dict[str, Any]:
    """The report; ``read`` is always ``accepted + quarantined``.

    Args:
        files: Records read from each file.
        answers: Files that hold answers alone and were left out.
        kept: Flat rows of the accepted records.
        pictures: What was seen of them; None where they are absent.
        lenses: What is known of their fields of view (``Lenses.settle``).
    """
    identical = pictures.identical() if pictures else []
    read = sum(files.values())
    return {
        "read": read,
        "accepted": len(kept),
        "quarantined": rejected.records,
        "rejected_share": rejected.records / read if read else 0.0,
        "unanswered": int((~kept["answered"]).sum()),
        "pictures": int(kept["image"].nunique()),
        "turned_pictures": pictures.turned() if pictures else 0,
        "depth": pictures.depth() if pictures else None,
        "field_of_view": dict(lenses),
        "identical_pictures": {"groups": len(identical), "examples": [list(group) for group in identical[:_EXAMPLES]]},
        "files": dict(files),
        "answers_left_out": list(answers),
        "categories": {str(name): int(count) for name, count in kept["category"].fillna("None").value_counts().items()},
        "reasons": dict(rejected.reasons.most_common()),
        "examples": rejected.examples,
        "expectations": {
            "evaluated": len(outcomes),
            "failed": [
                {
                    "name": outcome.name,
                    "severity": "critical" if outcome.critical else "warning",
                    "rows": None if outcome.rows is None else len(outcome.rows),
                    "expected": outcome.expected,
                    "observed": outcome.observed if outcome.rows is None else None,
                    "advice": outcome.advice,
                }
                for outcome in outcomes
                if not outcome.success
            ],
            "held": [
                {
                    "name": outcome.name,
                    "expected": outcome.expected,
                    "observed": outcome.observed if outcome.rows is None else "no other record",
                }
                for outcome in outcomes
                if outcome.success
            ],
        },
        "gate": {"passed": not refused, "refusals": list(refused)},
    }


def print_report(content: Mapping[str, Any], *, quarantine: Path, data_docs: Path) -> None:
    """Prints what was read, what was rejected and why."""
    console = plain_console()
    table = Table("read", "accepted", "quarantined", "unanswered", "pictures", title="validate")
    table.add_row(*(f"{content[name]:,}" for name in ("read", "accepted", "quarantined", "unanswered", "pictures")))
    console.print(table)
    for name in (name for name, count in content["files"].items() if not count):
        console.print(f"  warning: {name} holds no records")
    for name in content["answers_left_out"]:
        console.print(f"  warning: {name} holds answers and no questions: left out; `region-heads score` reads it")
    for check, count in content["reasons"].items():
        console.print(f"  {count:,} x {check}: {content['examples'][check]}")
    for failed in content["expectations"]["failed"]:
        rows = "the table" if failed["rows"] is None else f"{failed['rows']} rows"
        line = f"  {failed['severity']}: {failed['advice']} ({failed['name']} fails for {rows})"
        console.print(line)
    for line in about_pictures(content):
        console.print(f"  {line}")
    if content["extra_fields"]:
        named = ", ".join(f"{name} ({count:,})" for name, count in list(content["extra_fields"].items())[:_FIELDS])
        console.print(f"  warning: fields that no format knows, kept in the column extra: {named}")
    groups = content["identical_pictures"]
    if groups["groups"]:
        line = f"  warning: {groups['groups']} pictures stand under several names, e.g. {groups['examples'][0]}"
        console.print(line)
    console.print(f"  Data Docs: {data_docs / 'index.html'}; quarantine: {quarantine}")


def about_pictures(content: Mapping[str, Any]) -> Iterator[str]:
    """Where pictures were found, how they were turned, and what is known of depth."""
    if layout := content["layout_found"]:
        yield (
            f"pictures found by {layout['images']!r}, depth images by {layout['depths']!r}"
            if layout["depths"]
            else (f"pictures found by {layout['images']!r}; warning: no depth images")
        )
    if content["turned_pictures"]:
        yield f"pictures turned by their EXIF orientation, as their masks must be: {content['turned_pictures']}"
    lenses = content["field_of_view"]
    if lenses["degrees"] is not None:
        low, middle, high = lenses["degrees"]
        sources = ", ".join(f"{name} for {count}" for name, count in lenses["pictures"].items() if count)
        yield f"field of view of the pictures: {middle:.1f} degrees ({low:.1f} to {high:.1f}); {sources}"
    if lenses["unknown_with_depth"]:
        yield (
            f"warning: pictures with a depth image whose field of view is unknown: {lenses['unknown_with_depth']}; "
            "under a wrong one every metre is scaled. Set data.field_of_view, or give it in the records"
        )
    depth = content["depth"]
    if depth is None or not (depth["with"] or depth["without"]):
        return
    line = f"pictures with a depth image: {depth['with']}"
    if depth["metres"] is not None:
        low, high = depth["metres"]
        line += f", {low:.2f} to {high:.2f} m, {depth['unknown_share']:.1%} of their pixels unknown"
    yield line
    if depth["without"]:
        yield f"warning: pictures without a depth image, whose questions are kept: {depth['without']}"
    if depth["blank"]:
        yield f"warning: depth images that know the depth of no pixel: {depth['blank']}; check data.depth_scale"


def stop_message(content: Mapping[str, Any], *, dataset: Path, quarantine: Path | None) -> str:
    """Why the line stops: the refusals, the most frequent reasons with an example, and where to look."""
    lines = [f"{dataset}: the gate stops the line: {'; '.join(content['gate']['refusals'])}"]
    for check, count in list(content["reasons"].items())[:_EXAMPLES]:
        lines.append(f"  {count} x {check}, e.g. {content['examples'][check]}")
    if content["reasons"].get("image_missing", 0) == content["read"] > 0:
        lines.append(
            "  No picture was found at all. For records without pictures set validate.images to absent in params.yaml "
            "(or run region-heads validate --no-images)."
        )
    if quarantine is not None:
        lines.append(f"  All rejected records, whole and with their reasons: {quarantine}")
    return "\n".join(lines)
