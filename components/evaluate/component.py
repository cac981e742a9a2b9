"""Kubeflow wrapper of the step ``evaluate``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import GPU_IMAGE


@dsl.component(base_image=GPU_IMAGE, install_kfp_package=False, packages_to_install=[])
def evaluate(
    model: dsl.Input[dsl.Model],
    splits: dsl.Input[dsl.Dataset],
    dataset: dsl.Input[dsl.Dataset],
    predictions: dsl.Output[dsl.Dataset],
    evaluation: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    evaluate: dict[str, Any],
    data: dict[str, Any],
    tracking: dict[str, Any],
    gpus: str,
) -> None:
    """The step ``evaluate``; the README in its folder says what it reads and writes."""
    from pathlib import Path

    from components.command import run_step
    from region_heads.evaluation.confusion import confusion as counted

    figures = run_step(
        "evaluate",
        model=model.path,
        splits=splits.path,
        dataset=dataset.path,
        predictions=predictions.path,
        evaluation=evaluation.path,
        evaluate=evaluate,
        data=data,
        tracking=tracking,
        gpus=gpus,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
    answers, matrix = counted(Path(predictions.path))
    if answers:
        confusion.log_confusion_matrix(answers, matrix)
