"""What Kubeflow's server makes of placeholders: in resources, images and commands it reads text alone.

Its driver resolves them by ``GetStringValue()``, which is "" for a number, and then drops the resource without a word.
Only what stands in a field for JSON is read as a structure or a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compile import compile_text
from pipelines.names import PipelineName

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['([^']+)'\]\}\}")
_SETTINGS = {
    "rendered": "cluster: {gpus: 2, node_selector: {zone: a}, tolerations: [{operator: Exists}]}\n",
    "fetched": "data: {path: data/own}\nsource: {repository: 'https://host/data.git'}\ncluster: {gpus: 1}\n",
    "imported": "data: {path: 's3://bucket/own'}\ncluster: {gpus: 1}\n",
    "train job": "finetune: {nodes: 2, train_job: {backend: kubernetes}}\ncluster: {gpus: 1}\n",
}


@pytest.mark.parametrize("settings", _SETTINGS)
@pytest.mark.parametrize("pipeline", PipelineName)
def test_every_placeholder_has_the_type_that_the_server_resolves(
    pipeline: PipelineName, settings: str, tmp_path: Path
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(_SETTINGS[settings])
    spec, platform = yaml.safe_load_all(compile_text(file, pipeline))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    seen = set()
    for component, label in _executed(spec):
        inputs = component.get("inputDefinitions", {}).get("parameters", {})
        container = spec["deploymentSpec"]["executors"][label].get("container", {})
        for name in _PLACEHOLDER.findall(str({**container, "command": "", "args": ""})):
            assert _type(name, inputs, spec) == "STRING", (label, name)
            seen.add(name.removeprefix("pipelinechannel--"))
        for field, name in _references(executors.get(label, {})):
            expected = {"STRUCT", "LIST"} if field.endswith("Json") else {"STRING"}
            assert _type(name, inputs, spec) in expected, (label, field, name)
            seen.add(name.removeprefix("pipelinechannel--"))
    assert seen >= {"cpus", "memory", "gpus", "gpu_type", "node_selector", "tolerations"}


def test_what_kubernetes_is_reported_holds_no_none(tmp_path: Path) -> None:
    """A key that holds null is not there, for Kubernetes; Kubeflow's parameters cannot hold it."""
    file = tmp_path / "params.yaml"
    file.write_text("cluster: {tolerations: [{key: gpu, operator: Exists, tolerationSeconds: null}]}\n")
    spec, _ = yaml.safe_load_all(compile_text(file))
    given = spec["root"]["inputDefinitions"]["parameters"]["tolerations"]["defaultValue"]
    assert given == [{"key": "gpu", "operator": "Exists"}]


def _executed(spec: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for component in spec["components"].values():
        if "executorLabel" in component:
            yield component, component["executorLabel"]


def _references(settings: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Parameters that the platform's settings name, each with the field that it is for."""
    if isinstance(settings, list):
        for inner in settings:
            yield from _references(inner, field)
    elif isinstance(settings, dict):
        for key, inner in settings.items():
            if key == "componentInputParameter":
                yield field, inner
            else:
                yield from _references(inner, key)


def _type(name: str, inputs: dict[str, Any], spec: dict[str, Any]) -> str:
    """Of the component's own input, or of the pipeline's parameter that a platform setting names."""
    known = {**spec["root"]["inputDefinitions"]["parameters"], **inputs}
    plain = name.removeprefix("pipelinechannel--")
    found: str = (known.get(name) or known[plain])["parameterType"]
    assert known[plain]["parameterType"] == found, f"{name} changes its type on the way"
    return found
