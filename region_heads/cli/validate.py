"""``region-heads validate``: what is wrong with a data set, before the line is run on it."""

from pathlib import Path
from typing import Annotated

import typer

from region_heads.cli import options
from region_heads.cli.extras import check_installed


def validate(
    dataset: Annotated[
        Path, typer.Argument(help="Folder of a data set, or one annotation file (JSON, JSONL, Parquet or CSV).")
    ],
    no_images: Annotated[
        bool, typer.Option("--no-images", help="The pictures are not here; sizes come from the masks.")
    ] = False,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for accepted records, quarantine, Data Docs, report.")
    ] = Path("reports/validation"),
    params: options.Params = None,
) -> None:
    """Check every record and picture as the step does, with the layout and the gate of params.yaml.

    Exit code 1 when the gate would stop the line.

    Example: `region-heads validate data/warehouse --out reports/warehouse`
    """
    from region_heads.params_file import settings_of
    from region_heads.quality.validation.checking import check, hold
    from region_heads.quality.validation.settings import Params
    from region_heads.report.validation import write_page
    from region_heads.settings import DatasetParams

    check_installed("great_expectations")
    settings = settings_of("validate", Params, params)
    if no_images:
        settings = settings.model_copy(update={"images": "absent"})
    content = check(
        dataset=dataset,
        records=out / "records.parquet",
        quarantine=out / "quarantine.jsonl",
        data_docs=out / "data_docs",
        report=out / "validation.json",
        data=settings_of("data", DatasetParams, params),
        validate=settings,
    )
    write_page(content, out / "data_docs")
    hold(content, dataset=dataset, quarantine=out / "quarantine.jsonl")
