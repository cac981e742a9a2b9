"""Retraining on schedule: looks for new data, and promotes only what is better; how it ended is always reported."""

from collections.abc import Mapping
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from pipelines.line import Line
from pipelines.parameters import pipeline
from region_heads.settings import Section


def retraining_pipeline(params: Mapping[str, Section], *, data_revision: str = "") -> BaseComponent:
    """Builds the pipeline, as :func:`pipelines.training.training_pipeline`.

    New data is judged on the same frozen test pictures: the step ``split`` never moves a picture between test and
    training, and ``evaluate`` scores the champion on the questions of the new model.
    """

    def retraining(parameters: dict[str, Any]) -> None:
        line = Line(params, parameters)
        with dsl.ExitHandler(line.task("notify"), name="retraining"):
            line.check()
            compared = line.task("compare_data")
            with dsl.If(compared.outputs["Output"] == "yes", name="new data"):
                line.run(line.dataset())

    return pipeline(
        retraining,
        params,
        name="region-heads-retraining",
        description="Looks for new data; trains, judges and promotes where there is some; reports how it ended.",
        data_revision=data_revision,
    )
