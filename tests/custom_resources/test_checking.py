"""The schemas of custom resources find what the API server would refuse or drop."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compile import compile_resources
from tests.custom_resources.checking import FOLDER, DoesNotFitError, check_custom_resource
from tests.custom_resources.derive import schema

KINDS = sorted(file.stem for file in FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def resources(repository: Path) -> dict[str, dict[str, Any]]:
    """One of each kind, as this project makes it; TrainJobs are checked where they are submitted."""
    manifests = repository / "manifests" / "components"
    files = (
        manifests / "trainer-runtime" / "runtime.yaml",
        manifests / "ray" / "cluster.yaml",
        *(manifests / "monitoring").glob("*.yaml"),
    )
    made = [one for file in files for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    made += yaml.safe_load_all(compile_resources(repository / "params.yaml", namespace="team-a"))
    return {one["kind"]: one for one in made if one["kind"] in KINDS}


def test_what_this_project_makes_fits(resources: dict[str, dict[str, Any]]) -> None:
    assert sorted({*resources, "TrainJob"}) == KINDS
    for resource in resources.values():
        check_custom_resource(resource)


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"),
    [
        ("TrainingRuntime", ("spec", "mlPolicy", "numberNodes"), 1, "numberNodes"),
        ("TrainingRuntime", ("spec", "mlPolicy", "numNodes"), "one", "is not of type 'integer'"),
        ("TrainingRuntime", ("spec", "template", "spec", "replicatedJobs"), "node", "is not of type 'array'"),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "interval"), "thirty", "does not match"),
        ("PodMonitor", ("spec", "selector", "matchLabel"), {}, "matchLabel"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "expression"), "1", "expression"),
        ("PrometheusRule", ("spec", "groups", 1, "rules", 0, "for"), "a while", "does not match"),
        ("PipelineVersion", ("spec", "pipelinespec"), {}, "pipelinespec"),
        ("RayCluster", ("spec", "headGroupSpec", "rayStartParams", "num-cpus"), 0, "is not of type 'string'"),
    ],
)
def test_a_field_that_is_misspelt_or_of_another_type_is_found(
    resources: dict[str, dict[str, Any]], kind: str, path: tuple[str | int, ...], value: object, said: str
) -> None:
    bad = copy.deepcopy(resources[kind])
    inner: Any = bad
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(DoesNotFitError, match=said):
        check_custom_resource(bad)


def test_a_pod_within_is_held_against_kubernetes_own_schema(resources: dict[str, dict[str, Any]]) -> None:
    bad = copy.deepcopy(resources["TrainingRuntime"])
    (job,) = bad["spec"]["template"]["spec"]["replicatedJobs"]
    job["template"]["spec"]["template"]["spec"]["containers"][0]["envVars"] = []
    with pytest.raises(DoesNotFitError, match="envVars"):
        check_custom_resource(bad)


def test_a_schema_is_derived_without_words_and_refuses_what_is_unknown() -> None:
    inner = {"type": "object", "description": "words", "properties": {"name": {"type": "string", "description": "a"}}}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "string"}}}
    spec = {"type": "object", "properties": {"description": inner, "free": free}}
    top = {"type": "object", "properties": {"metadata": {"type": "object"}, "spec": spec}}
    versions = [{"storage": False}, {"storage": True, "schema": {"openAPIV3Schema": top}}]
    derived = schema({"spec": {"versions": versions}})["properties"]["spec"]["properties"]
    assert derived["description"] == {
        "type": "object", "additionalProperties": False, "properties": {"name": {"type": "string"}},
    }  # fmt: skip
    assert "additionalProperties" not in derived["free"]
