"""Kubeflow wrapper of the step ``register``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def register(
    model: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    splits: dsl.Input[dsl.Dataset],
    registration: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    register: dict[str, Any],
    source: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``register``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "register",
        model=model.path,
        evaluation=evaluation.path,
        splits=splits.path,
        registration=registration.path,
        register=register,
        source=source,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
