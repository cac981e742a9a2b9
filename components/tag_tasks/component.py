"""Kubeflow wrapper of the step ``tag_tasks``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def tag_tasks(
    records: dsl.Input[dsl.Dataset],
    tagged: dsl.Output[dsl.Dataset],
    quarantine: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    tag_tasks: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``tag_tasks``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "tag_tasks",
        records=records.path,
        tagged=tagged.path,
        quarantine=quarantine.path,
        report=report.path,
        tag_tasks=tag_tasks,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
