"""Kubeflow wrapper of the step ``split``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def split(
    tagged: dsl.Input[dsl.Dataset],
    splits: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    split: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``split``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "split",
        tagged=tagged.path,
        splits=splits.path,
        report=report.path,
        page=page.path,
        split=split,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
