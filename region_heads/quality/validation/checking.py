"""Checks a data set: every record judged, what is rejected kept, the suite, the gate."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_heads.errors import RegionHeadsError
from region_heads.files.digests import file_digest
from region_heads.files.output import scratch_file, whole_file, whole_folder, write_json
from region_heads.formats.problem import Problem, shown
from region_heads.formats.regions import BOX_ORDER
from region_heads.parallel import cores
from region_heads.quality.validation.collecting import Passed
from region_heads.quality.validation.expectations import Outcome, not_run, run_suite
from region_heads.quality.validation.finding import find_layout
from region_heads.quality.validation.flat_table import flat_table
from region_heads.quality.validation.gate import refusals
from region_heads.quality.validation.judging import Judge
from region_heads.quality.validation.layout import Layout
from region_heads.quality.validation.lenses import Lenses
from region_heads.quality.validation.pictures import Pictures
from region_heads.quality.validation.quarantine import Quarantine
from region_heads.quality.validation.report import print_report, report_content, stop_message
from region_heads.quality.validation.settings import Params
from region_heads.quality.validation.sources import find_sources, holds_answers
from region_heads.quality.validation.suite import DEFAULT
from region_heads.settings import DatasetParams

if TYPE_CHECKING:
    import pandas as pd

_SHARE = 1 << 23  # bytes of annotations for which another process is worth its start


def check(
    *,
    dataset: Path,
    records: Path,
    quarantine: Path,
    data_docs: Path,
    report: Path,
    data: DatasetParams,
    validate: Params,
    depth_needed: bool = True,
) -> dict[str, Any]:
    """What the step does, up to the gate and without MLflow; its arguments are the step's.

    Args:
        depth_needed: Whether depth images of which none is found close the gate.

    Returns:
        The report; :func:`hold` raises when the gate is closed.

    Raises:
        RegionHeadsError: There is nothing to read, or the suite is not usable.
    """
    root, found = find_sources(dataset, data)
    sources = [source for source in found if not holds_answers(source)]
    if not sources:
        raise RegionHeadsError(
            f"{found[0].path}: expected records, found answers without questions; name files with questions by "
            "data.annotations (`region-heads score` reads answers)"
        )
    suite = root / validate.suite if validate.suite else DEFAULT
    asked, data = data, find_layout(root, sources, data) if validate.images == "check" else data
    ask_depth = data.field_of_view is None
    pictures = Pictures(root, data.depth_scale, lenses=ask_depth) if validate.images == "check" else None
    processes = min(validate.workers or cores(), 1 + sum(source.path.stat().st_size for source in sources) // _SHARE)
    with contextlib.ExitStack() as outputs:
        scratch = outputs.enter_context(scratch_file(records))
        rejected_file = outputs.enter_context(whole_file(quarantine))
        pages = outputs.enter_context(whole_folder(data_docs))
        rejected = Quarantine(outputs.enter_context(rejected_file.open("w", encoding="utf-8")))

        passed = Passed(scratch, Lenses(data.field_of_view))
        passed.collect(sources, Judge(Layout(data)), pictures, rejected, processes=processes)
        flat = flat_table(passed.flat)
        limits = {"min_records": validate.min_records, "max_category_share": validate.max_category_share}
        outcomes = run_suite(flat, suite, limits, pages) if len(flat) else not_run(pages)
        failed = _failed_rows(outcomes, flat)
        passed.reject(sources, failed, rejected)
        lenses = passed.lenses.settle(pictures.lenses() if pictures else {})

        read, accepted = passed.files.total(), len(flat) - len(failed)
        if read != accepted + rejected.records:
            raise AssertionError(f"read {read} records, accepted {accepted}, quarantined {rejected.records}")
        without = {name: count for name, count in passed.files.items() if 0 < count == rejected.files[name]}
        refused = refusals(
            read=read, accepted=accepted, without=without, outcomes=outcomes, settings=validate,
            doubtful_boxes=rejected.reasons[BOX_ORDER],
        )  # fmt: skip
        depth = pictures.depth() if pictures else None
        if depth_needed and depth and not depth["metres"] and (depth["with"] or depth["without"]):
            refused.append(
                f"none of {depth['with'] + depth['without']} pictures has a depth image that knows a depth, at "
                f"{data.depths}; set data.depths to where they lie and data.depth_scale to their unit, or data.depths "
                'to "" if there are none'
            )
        kept = flat.drop(index=list(failed))
        answers = [source.name for source in found if source not in sources]
        content = report_content(passed.files, answers, kept, rejected, outcomes, refused, pictures, lenses)
        content["extra_fields"] = dict(passed.extra.most_common())
        content["layout_found"] = None if data == asked else {"images": data.images, "depths": data.depths}
        content["records_digest"] = None  # by which later steps say what their results were made of
        if refused:
            records.unlink(missing_ok=True)
        else:
            partial = outputs.enter_context(whole_file(records))
            passed.write(partial, without=failed)
            content["records_digest"] = file_digest(partial)
    write_json(report, content)
    print_report(content, quarantine=quarantine, data_docs=data_docs)
    return content


def hold(content: Mapping[str, Any], *, dataset: Path, quarantine: Path | None) -> None:
    """Raises a :class:`RegionHeadsError` that says why, when the gate of a report is closed."""
    if not content["gate"]["passed"]:
        raise RegionHeadsError(stop_message(content, dataset=dataset, quarantine=quarantine))


def _failed_rows(outcomes: Sequence[Outcome], flat: pd.DataFrame) -> dict[int, list[Problem]]:
    """What the suite rejects: row number to reasons."""
    failed = defaultdict(list)
    for outcome in outcomes:
        if outcome.critical and not outcome.success:
            for row in outcome.rows or []:
                (cells,) = flat.iloc[[row]].to_dict("records")
                values = ", ".join(shown(cells[column]) for column in outcome.field.split(", "))
                failed[row].append(Problem(outcome.name, outcome.field, outcome.expected, values, outcome.advice))
    return dict(failed)
