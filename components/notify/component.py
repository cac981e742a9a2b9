"""Kubeflow wrapper of the step ``notify``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def notify(
    status: dsl.PipelineTaskFinalStatus,
    page: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    notify: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``notify``; the README in its folder says what it reads and writes."""
    import json

    from components.command import run_step

    final = {"state": status.state, "error_message": status.error_message}
    figures = run_step("notify", status=json.dumps(final), page=page.path, notify=notify, tracking=tracking)
    for name, value in figures.items():
        metrics.log_metric(name, value)
