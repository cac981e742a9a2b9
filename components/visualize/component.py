"""Kubeflow wrapper of the step ``visualize``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def visualize(
    dataset: dsl.Input[dsl.Dataset],
    splits: dsl.Input[dsl.Dataset],
    predictions: dsl.Input[dsl.Dataset],
    evaluation: dsl.Input[dsl.Artifact],
    curves: dsl.Input[dsl.Artifact],
    router: dsl.Input[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    metrics: dsl.Output[dsl.Metrics],
    visualize: dict[str, Any],
    tracking: dict[str, Any],
) -> None:
    """The step ``visualize``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "visualize",
        dataset=dataset.path,
        splits=splits.path,
        predictions=predictions.path,
        evaluation=evaluation.path,
        curves=curves.path,
        router=router.path,
        report=report.path,
        visualize=visualize,
        tracking=tracking,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
