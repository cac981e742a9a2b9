"""Kubeflow wrapper of the step ``validate``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def validate(
    dataset: dsl.Input[dsl.Dataset],
    records: dsl.Output[dsl.Dataset],
    quarantine: dsl.Output[dsl.Artifact],
    data_docs: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    data: dict[str, Any],
    validate: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``validate``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "validate",
        dataset=dataset.path,
        records=records.path,
        quarantine=quarantine.path,
        data_docs=data_docs.path,
        report=report.path,
        data=data,
        validate=validate,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
