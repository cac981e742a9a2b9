"""The component ``ray``: nodes that keep the rules of every pod, see one storage, and let nobody else in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests.rendered import broken_pod_rules, of, pod_templates, render_changed
from tests.manifests.test_overlays import check_schema

Resources = list[dict[str, Any]]


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    return render_changed("multi-node", tmp_path_factory.mktemp("ray") / "manifests", namespace="team-a", more=("ray",))


@pytest.fixture(scope="module")
def spec(resources: Resources) -> dict[str, Any]:
    found: dict[str, Any] = of(resources, "RayCluster", "data-nodes")["spec"]
    return found


def test_every_resource_fits_its_schema(resources: Resources) -> None:
    for resource in resources:
        check_schema(resource)


def _nodes(resources: Resources) -> list[tuple[str, dict[str, Any]]]:
    return [(pod, template) for pod, template in pod_templates(resources) if pod.startswith("RayCluster")]


def test_nodes_keep_the_rules_of_every_pod_and_see_one_storage(resources: Resources) -> None:
    claim = of(resources, "PersistentVolumeClaim", "region-heads-data")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    nodes = _nodes(resources)
    assert len(nodes) == 2
    for _, template in nodes:
        assert broken_pod_rules(template) == []
        (container,) = template["spec"]["containers"]
        folder = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}["data"]
        assert {"name": "data", "persistentVolumeClaim": {"claimName": "region-heads-data"}} in template["spec"][
            "volumes"
        ]
        environment = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert environment["TMPDIR"] == folder, "a model of the registry and links to pictures are seen by all"
        assert environment["RAY_TMPDIR"] == "/tmp", "sockets are no files that machines share"


def test_it_costs_nothing_until_it_is_wanted_and_its_head_does_no_work(spec: dict[str, Any]) -> None:
    assert spec["suspend"] is True
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_only_nodes_reach_nodes(resources: Resources) -> None:
    label = {"matchLabels": {"app.kubernetes.io/name": "data-node"}}
    policy = of(resources, "NetworkPolicy", "data-nodes")["spec"]
    assert policy["podSelector"] == label
    assert policy["ingress"] == [{"from": [{"podSelector": label}]}]
    for _, template in _nodes(resources):
        assert label["matchLabels"].items() <= template["metadata"]["labels"].items()
    ours = {"matchLabels": label["matchLabels"] | {"app.kubernetes.io/part-of": "region-heads"}}
    assert of(resources, "NetworkPolicy", "mlflow-from-data-nodes")["spec"]["ingress"][0]["from"] == [
        {"podSelector": ours}
    ]
