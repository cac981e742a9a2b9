"""Compiles a pipeline to the YAML that Kubeflow takes, or to resources of Kubernetes."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.params import load_params
from pipelines.names import PipelineName
from pipelines.retraining import retraining_pipeline
from pipelines.training import training_pipeline
from region_heads.errors import RegionHeadsError
from region_heads.files.output import whole_file
from region_heads.files.yaml_file import read_yaml
from region_heads.params_file import section
from region_heads.settings import DatasetParams

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

HEADER = "# A pipeline of Region Heads, compiled from params.yaml by `region-heads pipeline compile`.\n"

_BUILDERS = {PipelineName.TRAINING: training_pipeline, PipelineName.RETRAINING: retraining_pipeline}


def build(params: Path, pipeline: PipelineName = PipelineName.TRAINING) -> BaseComponent:
    """The pipeline of this name, with the values of the file ``params`` as its defaults.

    Raises:
        RegionHeadsError: The file does not hold valid parameters.
    """
    sections = load_params(params)
    revision = _dvc_digest(params.parent / f"{section(sections, DatasetParams).path}.dvc")
    return _BUILDERS[pipeline](sections, data_revision=revision)


def compile_text(params: Path, pipeline: PipelineName = PipelineName.TRAINING) -> str:
    """The compiled pipeline as YAML; the same parameters and code give the same bytes.

    Raises:
        RegionHeadsError: As :func:`build`.
    """
    return HEADER + _compiled(build(params, pipeline))


def compile_resources(
    params: Path, pipeline: PipelineName = PipelineName.TRAINING, *, namespace: str | None = None
) -> str:
    """The same as Kubernetes resources, ``Pipeline`` and ``PipelineVersion``, for who applies files from Git.

    A version is named after its content: Kubeflow refuses to change one, and the same content is the same version,
    whenever and wherever it is compiled.

    Raises:
        RegionHeadsError: As :func:`build`.
    """
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    made = build(params, pipeline)
    digest = hashlib.sha256(_compiled(made).encode()).hexdigest()[:12]
    options = KubernetesManifestOptions(
        pipeline_name=made.name, pipeline_version_name=f"{made.name}-{digest}", namespace=namespace,
        include_pipeline_manifest=True,
    )  # fmt: skip
    return HEADER + _compiled(made, kubernetes_manifest_format=True, kubernetes_manifest_options=options)


def compile_file(params: Path, target: Path, pipeline: PipelineName = PipelineName.TRAINING) -> None:
    """Writes :func:`compile_text` to ``target``, whole or not at all."""
    write_compiled(compile_text(params, pipeline), target)


def write_compiled(text: str, target: Path) -> None:
    """Writes a compiled pipeline to ``target``, whole or not at all."""
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8")


def _compiled(made: BaseComponent, **options: Any) -> str:
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(made, str(target), **options)
        lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    # kfp opens with a comment that shows the parameters' values in an order that changes from run to run.
    return "".join(line for line in lines if not line.startswith("#"))


def _dvc_digest(pointer: Path) -> str:
    """The digest that ``dvc add`` wrote beside a data set, "" where DVC does not track it."""
    if not pointer.is_file():
        return ""
    try:
        return str(read_yaml(pointer, advice="run `dvc add` on the data set")["outs"][0]["md5"])
    except (KeyError, IndexError, TypeError):
        raise RegionHeadsError(
            f"{pointer}: expected a file of `dvc add` with outs[0].md5, found another layout; "
            "run `dvc add` on the data set again"
        ) from None
