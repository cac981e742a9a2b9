"""The training line as a Kubeflow pipeline: the stages of ``dvc.yaml`` under the same names, with the same edges."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.drift.component import drift
from components.evaluate.component import evaluate
from components.finetune.component import finetune
from components.params import section
from components.promote.component import promote
from components.register.component import register
from components.sample_data.component import sample_data
from components.sections import DatasetParams, Section
from components.split.component import split
from components.tag_tasks.component import tag_tasks
from components.validate.component import validate
from components.visualize.component import visualize

SAMPLE_PATH: str = DatasetParams.model_fields["path"].default
"""``data.path`` of the embedded sample. Any other path is a data set that exists: it is imported, not rendered."""


@dataclass(frozen=True)
class Resources:
    """What training asks of its node; Kubernetes quantities. Local runs take what the machine has."""

    cpus: str = "2"
    memory: str = "8Gi"
    gpus: int = 0


def training_pipeline(
    params: Mapping[str, Section], *, data_revision: str = "", resources: Resources | None = None
) -> BaseComponent:
    """Builds the pipeline with one parameter for each section of ``params.yaml``, its values as the default.

    Args:
        params: Sections by name, as ``components.params.load_params`` returns them.
        data_revision: Names the content of a data set that is imported, such as DVC's digest. Kubeflow takes
            an import of the same address and revision for the same data.
        resources: What the task ``finetune`` asks for.

    Returns:
        The pipeline, ready to be compiled, run locally or submitted.
    """
    data = section(params, DatasetParams)
    renders = Path(data.path) == Path(SAMPLE_PATH)
    defaults: dict[str, Any] = {
        name: _without_none(given.model_dump(mode="json"))
        for name, given in params.items()
        if renders or name != "sample_data"
    }
    if not renders:
        defaults |= {"dataset_uri": data.path, "data_revision": data_revision}

    def training(*values: Any) -> None:
        given = dict(zip(defaults, values, strict=True))

        def task(step: Any, **inputs: Any) -> Any:
            """Calls ``step`` with its inputs and with those sections that it has a parameter for."""
            sections = {name: given[name] for name in step.component_spec.inputs if name in given}
            return step(**inputs, **sections)

        if renders:
            dataset = task(sample_data).outputs["dataset"]
        else:
            dataset = dsl.importer(
                artifact_uri=given["dataset_uri"],
                artifact_class=dsl.Dataset,
                metadata={"revision": given["data_revision"]},
            ).output
        validated = task(validate, dataset=dataset)
        tagged = task(tag_tasks, records=validated.outputs["records"])
        splits = task(split, tagged=tagged.outputs["tagged"]).outputs["splits"]
        # What it compares with, the champion, is no input that a cache could know.
        task(drift, splits=splits).set_caching_options(enable_caching=False)
        trained = task(finetune, splits=splits, dataset=dataset)
        _request(trained, resources or Resources())
        judged = task(evaluate, model=trained.outputs["model"], splits=splits, dataset=dataset)
        task(
            visualize,
            dataset=dataset,
            splits=splits,
            predictions=judged.outputs["predictions"],
            evaluation=judged.outputs["evaluation"],
            curves=trained.outputs["curves"],
            router=tagged.outputs["report"],
        )
        # These two change the model registry: a cached result would leave the registry as it is.
        registered = task(
            register,
            model=trained.outputs["model"],
            evaluation=judged.outputs["evaluation"],
            splits=splits,
        ).set_caching_options(enable_caching=False)
        task(
            promote,
            registration=registered.outputs["registration"],
            evaluation=judged.outputs["evaluation"],
            validation=validated.outputs["report"],
        ).set_caching_options(enable_caching=False)

    # kfp reads a pipeline's parameters from its signature; ours follows the schema of params.yaml.
    training.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions do not declare it
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=type(default))
            for name, default in defaults.items()
        ]
    )
    pipeline: BaseComponent = dsl.pipeline(
        name="region-heads-training",
        description="Data, tags, splits, training, evaluation, report, registration and the promotion gate.",
    )(training)
    return pipeline


def _without_none(value: Any) -> Any:
    """The same with "null" for None, which Kubeflow's parameters cannot hold and the schema reads as None again."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items()}
    return "null" if value is None else value


def _request(task: dsl.PipelineTask, resources: Resources) -> None:
    task.set_cpu_request(resources.cpus).set_cpu_limit(resources.cpus)
    task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
    if resources.gpus:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(resources.gpus)
