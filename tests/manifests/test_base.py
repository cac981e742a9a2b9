"""The base manifests: Kubernetes' schemas, the rules of every workload, and parts that fit each other."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from pipelines.task_policy import LABELS, SECRETS
from tests.manifests.rendered import MANIFESTS, broken_rules, of, render, workloads
from tests.postgres import address, free_port, postgres

OURS = {"app.kubernetes.io/part-of": "region-heads"}
SECRETS_OF_SERVERS = {"region-heads-postgres": {"POSTGRES_PASSWORD"}}


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    return render("base")


def test_every_resource_fits_the_schema(resources: list[dict[str, Any]]) -> None:
    for resource in resources:
        kubernetes_validate.validate(resource, "1.33", strict=True)


def test_every_file_is_part_of_the_base(resources: list[dict[str, Any]]) -> None:
    named = (MANIFESTS / "base" / "kustomization.yaml").read_text()
    for file in (MANIFESTS / "base").rglob("*.*"):
        place = file.relative_to(MANIFESTS / "base").as_posix()
        assert place == "kustomization.yaml" or place in named, place
    assert resources


def test_every_workload_keeps_the_rules(resources: list[dict[str, Any]]) -> None:
    names = {workload["metadata"]["name"]: broken_rules(workload) for workload in workloads(resources)}
    assert names == {"mlflow": [], "model-server": [], "object-store": [], "postgres": []}


def _pod(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    def apply(workload: dict[str, Any]) -> None:
        pod = workload["spec"]["template"]["spec"]
        change(pod, pod["containers"][0])

    return apply


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_pod(lambda pod, _: pod["securityContext"].update(runAsUser=0)), "no root"),
        (_pod(lambda pod, _: pod["securityContext"].pop("runAsNonRoot")), "no root"),
        (_pod(lambda pod, _: pod["securityContext"].pop("seccompProfile")), "seccomp"),
        (_pod(lambda pod, _: pod.update(automountServiceAccountToken=True)), "no token of the API"),
        (_pod(lambda pod, _: pod.pop("serviceAccountName")), "an account of its own"),
        (_pod(lambda pod, _: pod.update(hostNetwork=True)), "nothing of the node"),
        (_pod(lambda pod, _: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}})), "nothing of the node"),
        (_pod(lambda _, one: one.pop("livenessProbe")), "probes"),
        (_pod(lambda _, one: one["securityContext"].update(privileged=True)), "no more rights"),
        (_pod(lambda _, one: one["securityContext"].update(capabilities={"add": ["NET_RAW"]})), "no capabilities"),
        (_pod(lambda _, one: one["securityContext"].pop("readOnlyRootFilesystem")), "read-only root"),
        (_pod(lambda _, one: one["resources"]["limits"].pop("memory")), "requests and limits"),
        (_pod(lambda _, one: one.update(image="region-heads:latest")), "a pinned image"),
        (_pod(lambda _, one: one.update(image="region-heads")), "a pinned image"),
        (_pod(lambda _, one: one["env"].append({"name": "X_PASSWORD", "value": "1234"})), "secrets by reference"),
    ],
)
def test_a_workload_that_breaks_a_rule_is_found(
    resources: list[dict[str, Any]], change: Callable[[dict[str, Any]], None], rule: str
) -> None:
    workload = copy.deepcopy(of(resources, "Deployment", "mlflow"))
    change(workload)
    assert [rule in found for found in broken_rules(workload)] == [True]


def _labels(workload: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def test_services_and_disruption_budgets_select_pods_that_are_there(resources: list[dict[str, Any]]) -> None:
    made = list(workloads(resources))
    for workload in made:
        assert workload["spec"]["selector"]["matchLabels"].items() <= _labels(workload).items()
    for resource in resources:
        if resource["kind"] == "Service":
            (behind,) = [one for one in made if resource["spec"]["selector"].items() <= _labels(one).items()]
            open_ports = {port["name"] for port in behind["spec"]["template"]["spec"]["containers"][0]["ports"]}
            assert {port["targetPort"] for port in resource["spec"]["ports"]} <= open_ports
        if resource["kind"] == "PodDisruptionBudget":
            wanted = resource["spec"]["selector"]["matchLabels"]
            assert any(wanted.items() <= _labels(one).items() for one in made)


def test_network_policies_deny_by_default_and_name_pods_and_ports_that_are_there(
    resources: list[dict[str, Any]],
) -> None:
    made = list(workloads(resources))
    policies = [one for one in resources if one["kind"] == "NetworkPolicy"]
    everything = {"podSelector": {"matchLabels": OURS}, "policyTypes": ["Ingress", "Egress"]}
    assert [one["metadata"]["name"] for one in policies if one["spec"] == everything] == ["default-deny"]
    ports = {port["name"] for one in made for port in one["spec"]["template"]["spec"]["containers"][0]["ports"]}
    for policy in policies:
        rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
        sides = [side for rule in rules for side in (*rule.get("from", []), *rule.get("to", []))]
        own = [side["podSelector"] for side in sides if "podSelector" in side and "namespaceSelector" not in side]
        for selector in (policy["spec"]["podSelector"], *own):
            wanted = selector["matchLabels"]
            there = [*map(_labels, made), LABELS]
            assert any(wanted.items() <= labels.items() for labels in there), (policy["metadata"]["name"], wanted)
        named = {port["port"] for rule in rules for port in rule.get("ports", []) if isinstance(port["port"], str)}
        assert named <= ports


def test_accounts_config_and_secrets_that_are_named_are_there_or_known(resources: list[dict[str, Any]]) -> None:
    known = {name: set(keys) for name, keys in SECRETS.items()} | SECRETS_OF_SERVERS
    accounts = {one["metadata"]["name"] for one in resources if one["kind"] == "ServiceAccount"}
    configs = {one["metadata"]["name"] for one in resources if one["kind"] == "ConfigMap"}
    assert not any(one["kind"] == "Secret" for one in resources)
    for workload in workloads(resources):
        pod = workload["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] in accounts
        assert {one["configMap"]["name"] for one in pod.get("volumes", []) if "configMap" in one} <= configs
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            assert {one["configMapRef"]["name"] for one in container.get("envFrom", [])} <= configs
            for entry in container.get("env", []):
                if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in known[reference["name"]]


def test_roles_name_what_they_need_and_no_more(resources: list[dict[str, Any]]) -> None:
    for role in (one for one in resources if one["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert "secrets" not in rule["resources"] or rule.get("resourceNames")


@pytest.mark.slow
def test_mlflow_starts_with_these_arguments_and_knows_its_names(
    resources: list[dict[str, Any]], tmp_path: Path
) -> None:
    (container,) = of(resources, "Deployment", "mlflow")["spec"]["template"]["spec"]["containers"]
    port = free_port()
    (stores,) = (one["data"] for one in resources if one["metadata"]["name"].startswith("mlflow-stores"))
    with postgres(tmp_path) as database:
        replaced = {"--port=": f"--port={port}", "--host=": "--host=127.0.0.1"}
        environment = stores | address(database) | {"MLFLOW_ARTIFACTS_DESTINATION": f"{tmp_path}/artifacts"}
        arguments = [
            next((new for start, new in replaced.items() if argument.startswith(start)), argument).replace(
                "$(NAMESPACE)", "team-a"
            )
            for argument in container["args"]
        ]
        command = [sys.executable, "-m", "mlflow", *container["command"][1:], *arguments]
        server = subprocess.Popen(
            command, cwd=tmp_path, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert _status(port, "/health", host="10.1.2.3:5000", patience=300) == 200
            experiments = "/api/2.0/mlflow/experiments/search?max_results=1"
            for host in ("mlflow.team-a:5000", f"localhost:{port}"):
                assert _status(port, experiments, host=host) == 200
            assert _status(port, experiments, host="elsewhere.example") == 403
        finally:
            server.terminate()
            server.wait(timeout=30)


def test_the_model_servers_options_are_those_of_the_command(resources: list[dict[str, Any]]) -> None:
    (container,) = of(resources, "Deployment", "model-server")["spec"]["template"]["spec"]["containers"]
    command = [sys.executable, "-m", "region_heads", *container["command"][1:], "--help"]
    shown = re.sub(r"\s", "", subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for argument in container["args"]:
        assert argument.partition("=")[0] in shown


def _status(port: int, path: str, *, host: str, patience: float = 0) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    until = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
