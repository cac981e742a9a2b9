"""Retraining on schedule: looks for new data, and promotes only what is better; how it ended is always reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from pipelines.line import Line
from pipelines.parameters import defaults, imported, pipeline, renders
from region_heads.params_file import section
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams


def retraining_pipeline(params: Mapping[str, Section], *, data_revision: str = "") -> BaseComponent:
    """Builds the pipeline; parameters as of :func:`pipelines.training.training_pipeline`.

    New data is judged on the same frozen test pictures: the step ``split`` never moves a picture between test and
    training, and ``evaluate`` scores the champion on the questions of the new model.
    """
    data, source = section(params, DatasetParams), section(params, SourceParams)
    cluster = section(params, ClusterParams)
    given = defaults(params, without=() if renders(data) else ("sample_data",)) | imported(data, source, data_revision)

    def retraining(parameters: dict[str, Any]) -> None:
        line = Line(params, parameters)
        with dsl.ExitHandler(line.task("notify"), name="retraining"):
            line.check()
            compared = line.task("compare_data")
            with dsl.If(compared.outputs["Output"] == "yes", name="new data"):
                line.run(line.dataset())

    return pipeline(
        retraining,
        name="region-heads-retraining",
        description="Looks for new data; trains, judges and promotes where there is some; reports how it ended.",
        given=given,
        cluster=cluster,
    )
