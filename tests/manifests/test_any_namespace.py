"""Somebody else's namespace, a mesh, a private registry: what is met on a cluster that was not made for us."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import OperationalError

from pipelines.task_policy import LABELS, NETWORK, NETWORK_FOLDER
from tests.manifests.rendered import broken_pod_rules, of, pod_templates, render, render_changed
from tests.manifests.test_overlays import OVERLAYS, check_schema
from tests.postgres import address, postgres

Resources = list[dict[str, Any]]

_NAME = "app.kubernetes.io/name"

_OF_THE_FIRST = re.compile(
    r"""[\w-]\.region-heads\b(?![\w./-]*:\d+\.\d)|namespace["']?\s*[:=]~?\s*["']?region-heads\b"""
    r"""|metadata\.name: region-heads"""
)
"""An address, a label or a selector that names the namespace `region-heads`, as far as text can tell."""


@pytest.fixture(scope="module", params=OVERLAYS)
def resources(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """An overlay with ``namespace:`` set to a team's profile."""
    return render_changed(request.param, tmp_path_factory.mktemp("team") / "manifests", namespace="team-a")


@pytest.mark.parametrize(
    "text", ["http://mlflow.region-heads:5000", 'up{namespace="region-heads"}', "namespace: region-heads"]
)
def test_a_trace_would_be_found(text: str) -> None:
    assert _OF_THE_FIRST.search(text)


def test_another_namespace_leaves_no_trace_of_the_first(resources: Resources) -> None:
    text = yaml.safe_dump_all(resources, width=1000)
    assert [line for line in text.splitlines() if _OF_THE_FIRST.search(line)] == []
    assert {one["metadata"].get("namespace") for one in resources} == {"team-a"}
    subjects = [subject for one in resources if one["kind"] == "RoleBinding" for subject in one["subjects"]]
    assert {subject["namespace"] for subject in subjects} == {"team-a"}


def test_the_namespace_itself_is_nobody_s_to_make_label_or_delete(resources: Resources) -> None:
    """Kubeflow's policies select a profile's namespace by its labels; what is applied here is deleted from here."""
    assert [one for one in resources if one["kind"] in ("Namespace", "ClusterRole", "ClusterRoleBinding")] == []


def test_nothing_is_asked_of_pods_of_others_that_live_there(resources: Resources) -> None:
    for one in resources:
        assert one["kind"] not in ("ResourceQuota", "LimitRange")
        if one["kind"] == "NetworkPolicy":
            labels = one["spec"]["podSelector"]["matchLabels"]
            assert set(labels) & {"app.kubernetes.io/name", "app.kubernetes.io/part-of"}, one["metadata"]["name"]


def _misfits(resources: Resources) -> list[str]:
    """Pods without the labels of every pod, or whose name a network policy selects along with labels that they lack."""
    policies = [one for one in resources if one["kind"] == "NetworkPolicy"]
    found = []
    for pod, template in pod_templates(resources):
        labels = template["metadata"]["labels"]
        wanted = ("app.kubernetes.io/part-of", "sidecar.istio.io/inject", "istio.io/dataplane-mode")
        found += [f"{pod}: {label}" for label in wanted if labels.get(label) != LABELS[label]]
        for policy in policies:
            found += [
                f"{pod}: {selected} of {policy['metadata']['name']}"
                for selected in _selectors(policy["spec"])
                if selected.get(_NAME) == labels.get(_NAME) and not selected.items() <= labels.items()
            ]
    return found


def _selectors(part: Any) -> list[dict[str, str]]:
    """The labels of pods that a network policy selects, at whatever depth."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    own = [part["podSelector"].get("matchLabels", {})] if isinstance(part, dict) and "podSelector" in part else []
    return own + [labels for _, value in inner for labels in _selectors(value)]


def test_every_pod_is_outside_of_a_mesh_and_inside_of_the_policies(resources: Resources) -> None:
    """So neither istiod (15012) nor ambient's tunnel (15008) has to be let through, and no login of the mesh is met."""
    assert _misfits(resources) == []


def test_only_this_project_s_pods_may_write_models(resources: Resources) -> None:
    policies = [one["spec"] for one in resources if one["kind"] == "NetworkPolicy"]
    into = [
        side["podSelector"]["matchLabels"]
        for policy in policies
        if policy["podSelector"]["matchLabels"].get("app.kubernetes.io/name") == "mlflow"
        for rule in policy.get("ingress", [])
        for side in rule["from"]
    ]
    ours = [LABELS, *(template["metadata"]["labels"] for _, template in pod_templates(resources))]
    assert all(any(wanted.items() <= labels.items() for labels in ours) for wanted in into)
    assert {wanted.get("app.kubernetes.io/part-of") for wanted in into} == {"region-heads"}, "no pod of like name"
    assert any(wanted.items() <= LABELS.items() for wanted in into)


def test_images_are_pulled_with_the_login_of_the_registry(resources: Resources) -> None:
    accounts = {one["metadata"]["name"]: one for one in resources if one["kind"] == "ServiceAccount"}
    for account in accounts.values():
        assert account["imagePullSecrets"] == [{"name": "region-heads-registry"}]
    for pod, template in pod_templates(resources):
        assert template["spec"]["serviceAccountName"] in accounts, pod
        assert "imagePullSecrets" not in template["spec"], f"{pod}: its account's would be forgotten"


def test_nodes_of_a_train_job_have_the_tasks_way_out_of_the_cluster() -> None:
    ((_, template),) = (one for one in pod_templates(render("overlays/multi-node")) if "TrainingRuntime" in one[0])
    (container,) = template["spec"]["containers"]
    assert container["envFrom"] == [{"configMapRef": {"name": NETWORK, "optional": True}}]
    assert {"name": "network", "mountPath": NETWORK_FOLDER, "readOnly": True} in container["volumeMounts"]


def test_names_are_looked_up_wherever_a_cluster_answers_them(resources: Resources) -> None:
    asked = str(of(resources, "NetworkPolicy", "dns")["spec"])
    for place in ("kube-dns", "node-local-dns", "169.254.0.0/16", "openshift-dns", "5353"):
        assert place in asked


def test_the_champion_as_an_inference_service_is_the_deployment_s_pod(tmp_path: Path) -> None:
    made = render_changed("single-gpu", tmp_path / "manifests", namespace="team-a", more=("kserve",))
    assert not [one for one in made if one["kind"] == "Deployment" and one["metadata"]["name"] == "model-server"]
    ((_, service),) = (one for one in pod_templates(made) if one[0].startswith("InferenceService"))
    ((_, ours),) = (one for one in pod_templates(render("overlays/single-gpu")) if one[0] == "Deployment/model-server")
    assert broken_pod_rules(service) == []
    assert service["metadata"]["labels"] == ours["metadata"]["labels"], "policies and Prometheus find it"
    (container,), (of_ours,) = service["spec"]["containers"], ours["spec"]["containers"]
    assert container == of_ours | {"name": "kserve-container"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "any"}, "spec": service["spec"]}
    kubernetes_validate.validate(pod, "1.33", strict=True)
    configs = {one["metadata"]["name"] for one in made if one["kind"] == "ConfigMap"}
    (params,) = (volume["configMap"]["name"] for volume in service["spec"]["volumes"] if "configMap" in volume)
    assert params in configs, "with the digest of its content in its name"
    accounts = {one["metadata"]["name"] for one in made if one["kind"] == "ServiceAccount"}
    assert service["spec"]["serviceAccountName"] in accounts


@pytest.mark.parametrize(
    "more",
    [
        ("sole-tenant",),
        ("node-listing",),
        ("cilium",),
        ("mlflow-login",),
        ("backup", "ray"),
        ("external-stores", "mlflow-login"),
        ("kserve", "backup", "openshift"),
    ],
)
def test_components_that_are_added_fit(more: tuple[str, ...], tmp_path: Path) -> None:
    made = render_changed("multi-node", tmp_path / "manifests", namespace="team-a", more=more)
    for resource in made:
        if resource["apiVersion"] not in ("cilium.io/v2", "serving.kserve.io/v1beta1"):  # schemas of megabytes
            check_schema(resource)
    assert [one for one in yaml.safe_dump_all(made).splitlines() if _OF_THE_FIRST.search(one)] == []
    users = re.findall(r"runAsUser|runAsGroup|fsGroup:", yaml.safe_dump_all(made))
    assert bool(users) == ("openshift" not in more)
    assert "openshift" in more or not any(broken_pod_rules(template) for _, template in pod_templates(made))
    assert _misfits(made) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_stores_that_others_run_are_neither_deployed_nor_named_here(overlay: str, tmp_path: Path) -> None:
    made = render_changed(overlay, tmp_path / "manifests", namespace="team-a", more=("external-stores",))
    assert not [one for one in made if re.search("postgres|object-store|buckets", one["metadata"]["name"])]
    (stores,) = (one["data"] for one in made if one["metadata"]["name"].startswith("mlflow-stores"))
    assert stores["PGHOST"] == "postgres.example"
    assert stores["PGSSLMODE"] == "verify-full"
    assert stores["PGSSLROOTCERT"].startswith("/"), "psycopg2's own libpq does not find those of the system"
    assert stores["MLFLOW_ARTIFACTS_DESTINATION"].startswith("s3://")
    ((_, pod),) = (one for one in pod_templates(made) if one[0] == "Deployment/mlflow")
    assert pod["spec"]["initContainers"] == [], "nobody makes a bucket there"
    assert "object-store" not in str(pod)
    policies = [one["spec"] for one in made if one["kind"] == "NetworkPolicy"]
    assert not [labels for policy in policies for labels in _selectors(policy) if labels.get(_NAME) == "postgres"]
    of_mlflow = [one for one in policies if one["podSelector"].get("matchLabels") == {_NAME: "mlflow"}]
    ways_out = [rule for policy in of_mlflow for rule in policy.get("egress", [])]
    assert ways_out == [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 5432}, {"port": 443}]}]


def test_a_database_is_reached_by_the_name_in_a_known_certificate_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By MLflow's driver and the component's variables, on a PostgreSQL whose certificate is its own authority."""
    made = render_changed("multi-node", tmp_path / "manifests", more=("external-stores",))
    (stores,) = (one["data"] for one in made if one["metadata"]["name"].startswith("mlflow-stores"))
    with postgres(tmp_path / "database") as database:
        cluster = tmp_path / "database" / "cluster"
        certificate, key = cluster / "server.crt", cluster / "server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=any",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        for file in (certificate, key):
            os.chown(file, cluster.stat().st_uid, -1)
        with create_engine(database, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
            connection.exec_driver_sql("ALTER SYSTEM SET ssl = on")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
            while connection.exec_driver_sql("SHOW ssl").scalar() != "on":
                time.sleep(0.05)

        def encryption(**changed: str) -> object:
            for name, value in (stores | address(database) | changed).items():
                if name.startswith("PG"):
                    monkeypatch.setenv(name, value)
            with create_engine(stores["MLFLOW_BACKEND_STORE_URI"], poolclass=NullPool).connect() as reached:
                return reached.exec_driver_sql("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()

        assert encryption(PGSSLROOTCERT=str(certificate)) == "TLSv1.3"
        with pytest.raises(OperationalError, match="does not match host name"):
            encryption(PGSSLROOTCERT=str(certificate), PGHOST="localhost")
        with pytest.raises(OperationalError, match="certificate"):
            encryption()  # no public authority's


def test_a_sole_tenant_s_namespace_lets_nothing_through_that_is_not_named(tmp_path: Path) -> None:
    made = render_changed("single-gpu", tmp_path / "manifests", more=("sole-tenant",))
    denied = of(made, "NetworkPolicy", "default-deny-all")["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert all(broken_pod_rules(template) == [] for _, template in pod_templates(made))
