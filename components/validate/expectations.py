"""Runs the Great Expectations suite over the flattened table and writes its pages (Data Docs)."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.validate.data_docs import tidy

if TYPE_CHECKING:
    import pandas as pd

SUITE = Path(__file__).with_name("suite.json")


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


def run_suite(table: pd.DataFrame, parameters: dict[str, float], data_docs: Path) -> list[Outcome]:
    """Judges ``table`` by ``suite.json`` and fills the folder ``data_docs`` with the pages.

    Args:
        parameters: Values for the ``$PARAMETER`` places of the suite.
        data_docs: An empty folder.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when the package is imported
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    content = json.loads(SUITE.read_text(encoding="utf-8"))
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = context.suites.add(gx.ExpectationSuite(**content))
    asset = context.data_sources.add_pandas("records").add_dataframe_asset("records")
    definition = gx.ValidationDefinition(
        name="records", data=asset.add_batch_definition_whole_dataframe("all"), suite=suite
    )
    checkpoint = gx.Checkpoint(
        name="records",
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]},
    )
    result = context.checkpoints.add(checkpoint).run(
        batch_parameters={"dataframe": table}, expectation_parameters=parameters
    )
    _write_pages(context, data_docs)
    (run,) = result.run_results.values()
    return [_outcome(one) for one in run.results]


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
