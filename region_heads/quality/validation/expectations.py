"""Runs the Great Expectations suite over the flattened table and writes its pages (Data Docs)."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from region_heads.errors import RegionHeadsError
from region_heads.files.output import write_json
from region_heads.quality.validation.data_docs import tidy
from region_heads.quality.validation.suite import read_suite
from region_heads.user_patterns import search

if TYPE_CHECKING:
    import pandas as pd


_WHERE = ["row", "file", "record", "id"]  # columns by which the pages and the quarantine name a failing row


@dataclass(frozen=True)
class Outcome:
    """What one expectation found.

    Attributes:
        name: The expectation with its column, e.g. ``expect_column_values_to_be_between(width)``.
        critical: Whether failing has consequences; otherwise it is only reported.
        rows: Numbers of the failing rows; None for an expectation on the whole table.
        field: The column, or columns, that it looks at.
        expected: Its bounds, in words.
        observed: What a whole-table expectation found, or why it could not be evaluated.
    """

    name: str
    success: bool
    critical: bool
    rows: list[int] | None
    field: str
    expected: str
    observed: str
    advice: str


def run_suite(table: pd.DataFrame, suite_file: Path, parameters: dict[str, float], data_docs: Path) -> list[Outcome]:
    """Judges ``table`` and fills the folder ``data_docs`` with the pages and with ``checkpoint.json``, the figures.

    Args:
        suite_file: The expectations (:mod:`region_heads.quality.validation.suite`).
        parameters: Values for the ``$`` places of the suite.
        data_docs: An empty folder.

    Raises:
        RegionHeadsError: The suite is not usable.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the package is imported
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    expectations = read_suite(suite_file)
    for one in expectations:
        _check_time(one["kwargs"], table, f"{suite_file}: {one['type']}")
    few = [one for one in expectations if (needs := one["meta"]["needs"]) and _values(table, one) < needs]
    expectations = [one for one in expectations if one not in few]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(gx.ExpectationSuite(name="records", expectations=expectations))
    asset = context.data_sources.add_pandas("records").add_dataframe_asset("records")
    definition = gx.ValidationDefinition(
        name="records", data=asset.add_batch_definition_whole_dataframe("all"), suite=suite
    )
    checkpoint = gx.Checkpoint(
        name="records",
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": _WHERE},
    )
    try:
        result = context.checkpoints.add(checkpoint).run(
            batch_parameters={"dataframe": table}, expectation_parameters=parameters
        )
    except Exception as error:  # an expectation of the owner's that Great Expectations itself stumbles over
        raise RegionHeadsError(
            f"{suite_file}: Great Expectations cannot evaluate it ({type(error).__name__}: {error}); leave out the "
            "expectations that were added last, one by one"
        ) from error
    _write_pages(context, data_docs)
    (run,) = result.run_results.values()
    outcomes = [*map(_outcome, run.results), *(_not_judged(one, _values(table, one)) for one in few)]
    write_json(data_docs / "checkpoint.json", _checkpoint(outcomes, bool(result.success)))
    return outcomes


def not_run(data_docs: Path) -> list[Outcome]:
    """What is found in a table without a record: nothing; each expectation would be a false alarm, or none at all."""
    text = "<!doctype html><title>No records</title><p>No record was accepted, so that there is nothing to judge.</p>\n"
    (data_docs / "index.html").write_text(text, encoding="utf-8")
    write_json(data_docs / "checkpoint.json", _checkpoint([], success=False))
    return []


def _values(table: pd.DataFrame, expectation: dict[str, Any]) -> int:
    """How many values the column of an expectation holds; one that is not there is left to Great Expectations."""
    column = expectation["kwargs"]["column"]
    return int(table[column].notna().sum()) if column in table else expectation["meta"]["needs"]


def _not_judged(expectation: dict[str, Any], values: int) -> Outcome:
    column, needs = expectation["kwargs"]["column"], expectation["meta"]["needs"]
    return Outcome(
        name=f"{expectation['type']}({column})", success=True, critical=False, rows=None, field=column,
        expected=f"at least {needs} values to judge", observed=f"not judged: {values} values",
        advice=expectation["meta"]["advice"],
    )  # fmt: skip


def _check_time(arguments: dict[str, Any], table: pd.DataFrame, where: str) -> None:
    """Refuses the owner's regular expressions that are not done with this table in time."""
    for pattern in (arguments.get("regex"), *(arguments.get("regex_list") or ())):
        if isinstance(pattern, str) and arguments.get("column") in table:
            search(table[arguments["column"]].dropna().astype(str), pattern, setting=where)


def _checkpoint(outcomes: list[Outcome], success: bool) -> dict[str, Any]:
    """Every expectation with what was found, for machines; the pages name the failing rows."""
    results = [asdict(outcome) | {"rows": None if outcome.rows is None else len(outcome.rows)} for outcome in outcomes]
    return {"success": success, "expectations": results}


def _write_pages(context: Any, folder: Path) -> None:
    for site in list(context.list_data_docs_sites()):
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        "site",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())},
        },
    )
    context.build_data_docs()
    tidy(folder)


def _outcome(result: Any) -> Outcome:
    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key not in ("batch_id", "result_format")}
    columns = [str(kwargs.pop(key)) for key in ("column", "column_A", "column_B") if key in kwargs]
    error = (result.exception_info or {}).get("exception_message")
    indices = result.result.get("unexpected_index_list")
    whole_table = "unexpected_count" not in result.result
    observed = error or str(result.result.get("observed_value"))
    return Outcome(
        name=f"{config.type}({', '.join(columns)})",
        success=bool(result.success),
        critical=str(getattr(config.severity, "value", config.severity)) == "critical",
        rows=None if whole_table else [int(index["row"]) for index in indices or []],
        field=", ".join(columns),
        expected=", ".join(f"{key} {value}" for key, value in kwargs.items()) or config.type.replace("_", " "),
        observed=observed,
        advice=str((config.meta or {}).get("advice", "")),
    )
