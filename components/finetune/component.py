"""Kubeflow wrapper of the step ``finetune``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import GPU_IMAGE


@dsl.component(base_image=GPU_IMAGE, install_kfp_package=False, packages_to_install=[])
def finetune(
    splits: dsl.Input[dsl.Dataset],
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    curves: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    finetune: dict[str, Any],
    data: dict[str, Any],
    tracking: dict[str, Any],
    gpus: str,
) -> None:
    """The step ``finetune``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "finetune",
        splits=splits.path,
        dataset=dataset.path,
        model=model.path,
        curves=curves.path,
        finetune=finetune,
        data=data,
        tracking=tracking,
        gpus=gpus,
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
