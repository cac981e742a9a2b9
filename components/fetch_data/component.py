"""Kubeflow wrapper of the step ``fetch_data``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def fetch_data(
    dataset: dsl.Output[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    data: dict[str, Any],
    source: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``fetch_data``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step("fetch_data", dataset=dataset.path, data=data, source=source, tracking=tracking)
    for name, value in figures.items():
        metrics.log_metric(name, value)
