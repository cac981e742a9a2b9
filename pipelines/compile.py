"""Compiles a pipeline to the YAML that Kubeflow takes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from components.output import whole_file
from components.params import load_params, section
from components.sections import DatasetParams
from pipelines.names import PipelineName
from pipelines.retraining import retraining_pipeline
from pipelines.training import training_pipeline
from region_heads.errors import RegionHeadsError

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
    from kfp import compiler

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(build(params, pipeline), str(target))
        lines = target.read_text(encoding="utf-8").splitlines(keepends=True)
    # kfp opens with a comment that shows the parameters' values in an order that changes from run to run.
    return HEADER + "".join(line for line in lines if not line.startswith("#"))


def compile_file(params: Path, target: Path, pipeline: PipelineName = PipelineName.TRAINING) -> None:
    """Writes :func:`compile_text` to ``target``, whole or not at all."""
    text = compile_text(params, pipeline)
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8")


def _dvc_digest(pointer: Path) -> str:
    """The digest that ``dvc add`` wrote beside a data set, "" where DVC does not track it."""
    if not pointer.is_file():
        return ""
    try:
        return str(yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError):
        raise RegionHeadsError(
            f"{pointer}: expected a file of `dvc add` with outs[0].md5, found another layout; "
            "run `dvc add` on the data set again"
        ) from None
