"""Kubeflow wrapper of the step ``compare_data``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def compare_data(
    page: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    compare_data: dict[str, Any],
    source: dict[str, Any],
    tracking: dict[str, Any],
) -> str:
    """The step ``compare_data``; returns "yes" or "no": kfp's local runner understands conditions on that alone."""
    from components.command import run_step

    figures = run_step(
        "compare_data",
        page=page.path,
        compare_data=compare_data,
        source=source,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
    return "yes" if figures["changed"] else "no"
