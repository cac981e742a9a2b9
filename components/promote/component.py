"""Kubeflow wrapper of the step ``promote``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def promote(
    registration: dsl.Input[dsl.Artifact],
    evaluation: dsl.Input[dsl.Artifact],
    validation: dsl.Input[dsl.Artifact],
    promotion: dsl.Output[dsl.Artifact],
    verdict: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
    promote: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``promote``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "promote",
        registration=registration.path,
        evaluation=evaluation.path,
        validation=validation.path,
        promotion=promotion.path,
        verdict=verdict.path,
        promote=promote,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
