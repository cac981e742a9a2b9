"""The golden file: the compiled training pipeline without the values that params.yaml gives it."""

from pathlib import Path

import yaml

from pipelines.compile import compile_text
from region_heads.registry.registration.lineage import ROOT

GOLDEN = ROOT / "tests/pipelines/training_pipeline.golden.yaml"
"""Its difference shows what a change does to the pipeline."""


def golden(params: Path) -> str:
    """The file's text: values belong to params.yaml and may change, the rest changes on purpose only."""
    documents = list(yaml.safe_load_all(compile_text(params)))
    for parameter in documents[0]["root"]["inputDefinitions"]["parameters"].values():
        parameter.pop("defaultValue")
    text: str = yaml.safe_dump_all(documents)
    return text
