"""Kubeflow wrapper of the step ``drift``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def drift(
    splits: dsl.Input[dsl.Dataset],
    report: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    drift: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``drift``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "drift",
        splits=splits.path,
        report=report.path,
        page=page.path,
        drift=drift,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
