"""Kubeflow wrapper of the step ``preflight``: hands over paths and parameters, logs the returned figures."""

from typing import Any

from kfp import dsl

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False, packages_to_install=[])
def preflight(
    checks: dsl.Output[dsl.Markdown],
    resolved: dsl.OutputPath(dict),  # type: ignore[valid-type]  # kfp's way to name a parameter that is written
    metrics: dsl.Output[dsl.Metrics],
    preflight: dict[str, Any],
    data: dict[str, Any],
    source: dict[str, Any],
    tracking: dict[str, Any],
    finetune: dict[str, Any],
    gpus: str,
    gpu_type: str,
    node_selector: dict[str, Any],
) -> None:
    """The step ``preflight``; the README in its folder says what it reads and writes."""
    from components.command import run_step

    figures = run_step(
        "preflight",
        checks=checks.path,
        resolved=resolved,
        preflight=preflight,
        data=data,
        source=source,
        tracking=tracking,
        finetune=finetune,
        cluster={"gpus": gpus, "gpu_type": gpu_type, "node_selector": node_selector},
    )
    for name, value in figures.items():
        metrics.log_metric(name, value)
