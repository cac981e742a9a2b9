"""A pipeline's parameters: one group for each section of ``params.yaml``, and what the cluster is asked for."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.params import sections
from region_heads.params_file import section
from region_heads.settings import ClusterParams, DatasetParams, Section, SourceParams

CLUSTER_PARAMETERS = ("cpus", "memory", "gpus", "gpu_type", "node_selector", "tolerations")
"""Keys of the section ``cluster`` that are asked for each run; the others are fixed when the pipeline is compiled."""

SAMPLE_PATH: str = DatasetParams.model_fields["path"].default
"""``data.path`` of the embedded sample. Any other path is a data set that exists: it is fetched or imported."""

_IMPORTED = {
    "dataset_uri": "Address of the data set that is imported.",
    "data_revision": "Names its content: an import of the same address and revision is taken for the same data.",
}


def renders(data: DatasetParams) -> bool:
    """Whether the data set is the embedded sample."""
    return Path(data.path) == Path(SAMPLE_PATH)


def pipeline(
    body: Callable[[dict[str, Any]], None],
    params: Mapping[str, Section],
    *,
    name: str,
    description: str,
    data_revision: str,
    without: tuple[str, ...] = (),
) -> BaseComponent:
    """A Kubeflow pipeline with one parameter for each section of ``params.yaml``, its values as the default.

    Args:
        body: Makes the tasks; is given the parameters by name.
        params: Sections by name, as ``components.params.load_params`` returns them.
        data_revision: Names the content of a data set that is imported, such as DVC's digest. Kubeflow takes
            an import of the same address and revision for the same data.
        without: Sections that this pipeline has no use for.
    """
    given, cluster = _defaults(params, data_revision, without), section(params, ClusterParams)

    def function(*values: Any) -> None:
        body(dict(zip(given, values, strict=True)))

    # kfp reads a pipeline's parameters from its signature and what they are from its docstring; ours follow the
    # schema of params.yaml.
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # functions do not declare it
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=type(default))
            for name, default in given.items()
        ]
    )
    function.__doc__ = f"{description}\n\nArgs:\n" + "".join(f"    {name}: {_described(name)}\n" for name in given)
    config = dsl.PipelineConfig(
        ttl_seconds_after_finished=int(cluster.keep_days * 24 * 3600),
        active_deadline_seconds=int(cluster.max_hours * 3600),
    )
    compiled: BaseComponent = dsl.pipeline(name=name, description=description, pipeline_config=config)(function)
    return compiled


def _defaults(params: Mapping[str, Section], data_revision: str, without: tuple[str, ...]) -> dict[str, Any]:
    """Name and default of every parameter, in the order of ``params.yaml``."""
    data, source = section(params, DatasetParams), section(params, SourceParams)
    left_out = {"cluster", *without, *(() if renders(data) else ("sample_data",))}
    groups = {
        name: _without_none(given.model_dump(mode="json")) for name, given in params.items() if name not in left_out
    }
    cluster = section(params, ClusterParams).model_dump(mode="json")
    # The server reads a placeholder among resources as text; of a number it makes "", and no GPU is asked for.
    cluster["gpus"] = str(cluster["gpus"])
    imported = {} if renders(data) or source.repository else {"dataset_uri": data.path, "data_revision": data_revision}
    return groups | {name: _given(cluster[name]) for name in CLUSTER_PARAMETERS} | imported


def _described(name: str) -> str:
    """What a person reads beside the field: for a group, its keys and what each is."""
    if name in CLUSTER_PARAMETERS:
        return str(ClusterParams.model_fields[name].description)
    if name in _IMPORTED:
        return _IMPORTED[name]
    schema = sections()[name]
    about = re.sub(r"\s+", " ", inspect.getdoc(schema) or "").split(". ")[0].rstrip(".")
    keys = "; ".join(f"{key} - {field.description}" for key, field in schema.model_fields.items())
    return f"{about}. {keys}"


def _without_none(value: Any) -> Any:
    """The same with "null" for None, which Kubeflow's parameters cannot hold and the schema reads as None again."""
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return "null" if value is None else value


def _given(value: Any) -> Any:
    """What Kubernetes gets, without keys that hold None: for Kubernetes they are not there."""
    if isinstance(value, dict):
        return {key: _given(inner) for key, inner in value.items() if inner is not None}
    return [_given(inner) for inner in value if inner is not None] if isinstance(value, list) else value
