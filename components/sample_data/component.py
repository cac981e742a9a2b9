"""Kubeflow wrapper of the step ``sample_data``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def sample_data(
    dataset: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    sample_data: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``sample_data``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "sample_data",
        dataset=dataset.path,
        sample_data=sample_data,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
