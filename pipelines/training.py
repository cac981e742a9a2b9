"""The training line as a Kubeflow pipeline."""

from collections.abc import Mapping
from typing import Any

from kfp.dsl.base_component import BaseComponent

from pipelines.line import Line
from pipelines.parameters import pipeline
from region_heads.settings import Section


def training_pipeline(params: Mapping[str, Section], *, data_revision: str = "") -> BaseComponent:
    """Builds the pipeline, ready to be compiled, run or submitted; see :func:`pipelines.parameters.pipeline`."""

    def training(parameters: dict[str, Any]) -> None:
        line = Line(params, parameters)
        line.check()
        line.run(line.dataset())

    return pipeline(
        training,
        params,
        name="region-heads-training",
        description="Data, tags, splits, training, evaluation, report, registration and the promotion gate.",
        data_revision=data_revision,
        without=("compare_data", "notify"),
    )
