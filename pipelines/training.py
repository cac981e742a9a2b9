"""The training line as a Kubeflow pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfp.dsl.base_component import BaseComponent

from pipelines.line import Line
from pipelines.parameters import defaults, imported, pipeline, renders
from region_heads.params_file import section
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams

_OF_RETRAINING = ("compare_data", "notify")


def training_pipeline(params: Mapping[str, Section], *, data_revision: str = "") -> BaseComponent:
    """Builds the pipeline with one parameter for each section of ``params.yaml``, its values as the default.

    Args:
        params: Sections by name, as ``components.params.load_params`` returns them.
        data_revision: Names the content of a data set that is imported, such as DVC's digest. Kubeflow takes
            an import of the same address and revision for the same data.

    Returns:
        The pipeline, ready to be compiled, run locally or submitted.
    """
    data, source = section(params, DatasetParams), section(params, SourceParams)
    cluster = section(params, ClusterParams)
    given = defaults(params, without=_OF_RETRAINING if renders(data) else ("sample_data", *_OF_RETRAINING))
    given |= imported(data, source, data_revision)

    def training(parameters: dict[str, Any]) -> None:
        line = Line(params, parameters)
        line.check()
        line.run(line.dataset())

    return pipeline(
        training,
        name="region-heads-training",
        description="Data, tags, splits, training, evaluation, report, registration and the promotion gate.",
        given=given,
        cluster=cluster,
    )
