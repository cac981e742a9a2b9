"""Overlays and components: every resource fits its schema, every pod keeps the rules, and parts fit each other."""

from __future__ import annotations

import copy
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml
from kubeflow_trainer_api.models import JobsetV1alpha2JobSetSpec
from prometheus_client.parser import text_string_to_metric_families

from components.params import load_params
from pipelines.schedules.wanted import read_schedules
from pipelines.task_policy import POLICIES
from region_heads.asking import Images, Limits, Refusal
from region_heads.params_file import section
from region_heads.serving.metrics import Metrics
from region_heads.serving.worker import Worker
from region_heads.settings import ClusterParams
from region_heads.training.settings import Params as FinetuneParams
from tests.custom_resources.checking import FOLDER, check_custom_resource
from tests.manifests.rendered import MANIFESTS, broken_pod_rules, of, pod_templates, render, render_changed, workloads

OVERLAYS = sorted(folder.name for folder in (MANIFESTS / "overlays").iterdir() if folder.is_dir())
_UNITS = {"": 1, "m": Fraction(1, 1000), "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}

Resources = list[dict[str, Any]]


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> tuple[str, Resources]:
    return request.param, render(f"overlays/{request.param}")


@pytest.fixture(scope="module")
def multi_node() -> Resources:
    return render("overlays/multi-node")


def amount(quantity: object) -> Fraction:
    """A quantity of Kubernetes as a number."""
    found = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity))
    assert found, quantity
    return Fraction(found[1]) * _UNITS[found[2]]


def params_of(resources: Resources, tmp_path: Path) -> dict[str, Any]:
    (config,) = (
        one
        for one in resources
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("region-heads-params")
    )
    file = tmp_path / "params.yaml"
    file.write_text(config["data"]["params.yaml"])
    return load_params(file)


def test_there_are_the_three_that_the_readme_names() -> None:
    assert OVERLAYS == ["laptop", "multi-node", "single-gpu"]
    readme = (MANIFESTS / "README.md").read_text()
    for folder in (*(f"overlays/{name}" for name in OVERLAYS), *_components()):
        assert f"`{folder}`" in readme, folder


def _components() -> list[str]:
    return sorted(f"components/{folder.name}" for folder in (MANIFESTS / "components").iterdir())


def test_every_file_of_a_component_is_part_of_it() -> None:
    for kustomization in (MANIFESTS / "components").rglob("kustomization.yaml"):
        listed = kustomization.read_text()
        for file in kustomization.parent.iterdir():
            assert file == kustomization or file.name in listed, file


def check_schema(resource: dict[str, Any]) -> None:
    """Holds a resource against its schema, unknown fields included.

    Raises:
        Exception: It does not fit.
    """
    if (FOLDER / f"{resource['kind']}.json").is_file():
        check_custom_resource(resource)
    else:
        kubernetes_validate.validate(resource, "1.33", strict=True)


def test_every_resource_fits_its_schema(overlay: tuple[str, Resources]) -> None:
    for resource in overlay[1]:
        check_schema(resource)


def test_every_pod_keeps_the_rules(overlay: tuple[str, Resources]) -> None:
    name, resources = overlay
    broken = {pod: broken_pod_rules(template) for pod, template in pod_templates(resources)}
    servers = {"Deployment/mlflow", "Deployment/model-server", "StatefulSet/object-store", "StatefulSet/postgres"}
    more = {"laptop": set(), "single-gpu": {"CronJob/schedules"}}.get(
        name, {"CronJob/schedules", "Job/prepare-training-volume", "TrainingRuntime/region-heads-torch"}
    )
    assert broken == {pod: [] for pod in servers | more}


@pytest.mark.parametrize(
    "change",
    [
        lambda pod: pod["securityContext"].update(runAsUser=0),
        lambda pod: pod["containers"][0].update(image="region-heads:latest"),
        lambda pod: pod["containers"][0]["env"].append({"name": "MLFLOW_TRACKING_PASSWORD", "value": "1234"}),
        lambda pod: pod["containers"][0].pop("resources"),
        lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    ],
)
@pytest.mark.parametrize("kind", ["CronJob", "TrainingRuntime"])
def test_a_pod_inside_something_else_that_breaks_a_rule_is_found(multi_node: Resources, kind: str, change: Any) -> None:
    (template,) = (template for pod, template in pod_templates(multi_node) if pod.startswith(kind))
    bad = copy.deepcopy(template)
    change(bad["spec"])
    assert len(broken_pod_rules(bad)) == 1


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_runs_always_and_the_heaviest_task_fit_the_quota_of_a_sole_tenant(overlay: str, tmp_path: Path) -> None:
    resources = render_changed(overlay, tmp_path / "manifests", more=("sole-tenant",))
    quota = of(resources, "ResourceQuota", "everything")["spec"]["hard"]
    most = of(resources, "LimitRange", "containers")["spec"]["limits"][0]["max"]
    params = params_of(resources, tmp_path)
    cluster = section(params, ClusterParams)
    train_job = section(params, FinetuneParams)
    for resource, of_cluster in (("cpu", cluster.cpus), ("memory", cluster.memory)):
        always = sum(
            amount(container["resources"]["limits"][resource]) * workload["spec"].get("replicas", 1)
            for workload in workloads(resources)
            for container in workload["spec"]["template"]["spec"]["containers"]
        )
        asked = max(
            amount(of_cluster),
            *(amount((policy.cpus if resource == "cpu" else policy.memory) or 0) for policy in POLICIES.values()),
        )
        node = amount(train_job.train_job.resources.get(resource, 0))
        assert max(asked, node) <= amount(most[resource])
        assert always + asked + node * train_job.nodes <= amount(quota[f"limits.{resource}"])
    gpus = max(cluster.gpus, int(train_job.train_job.resources.get("gpu", 0)) * train_job.nodes)
    assert gpus <= int(quota["requests.nvidia.com/gpu"])


def test_every_bucket_finds_volume_files_on_the_disk_of_the_object_store(overlay: tuple[str, Resources]) -> None:
    """SeaweedFS adds up to seven for a bucket at a time, and has one fewer than fit."""
    spec = of(overlay[1], "StatefulSet", "object-store")["spec"]
    (limit,) = re.findall(r"-master\.volumeSizeLimitMB=(\d+)", str(spec["template"]["spec"]["containers"][0]["args"]))
    disk = amount(spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
    assert disk // (int(limit) * 2**20) - 1 >= 2 * 7


def test_the_laptop_overlay_asks_for_little(tmp_path: Path) -> None:
    resources = render("overlays/laptop")
    asked = [
        (amount(container["resources"]["requests"]["cpu"]), amount(container["resources"]["requests"]["memory"]))
        for workload in workloads(resources)
        for container in workload["spec"]["template"]["spec"]["containers"]
        for _ in range(workload["spec"].get("replicas", 1))
    ]
    cluster = section(params_of(resources, tmp_path), ClusterParams)
    assert sum(cpu for cpu, _ in asked) + amount(cluster.cpus) <= 4
    assert sum(memory for _, memory in asked) + amount(cluster.memory) <= 12 * 2**30
    assert not [one for one in resources if one["kind"] == "PodDisruptionBudget"]


def test_a_train_job_finds_its_runtime_storage_and_rights(multi_node: Resources, tmp_path: Path) -> None:
    finetune = section(params_of(multi_node, tmp_path), FinetuneParams)
    job = finetune.train_job
    assert finetune.nodes > 1
    assert job.backend == "kubernetes"
    assert int(job.resources["gpu"]) == finetune.processes
    runtime = of(multi_node, "TrainingRuntime", job.runtime)
    (template,) = (template for pod, template in pod_templates(multi_node) if pod.startswith("TrainingRuntime"))
    claims = {
        one["name"]: one["persistentVolumeClaim"]["claimName"]
        for one in template["spec"]["volumes"]
        if "persistentVolumeClaim" in one
    }
    (container,) = template["spec"]["containers"]
    mounts = {mount["mountPath"]: claims.get(mount["name"]) for mount in container["volumeMounts"]}
    assert mounts[job.folder] == job.claim
    assert of(multi_node, "PersistentVolumeClaim", job.claim)["spec"]["accessModes"] == ["ReadWriteMany"]
    assert runtime["spec"]["template"]["spec"]["failurePolicy"]["maxRestarts"] == 0, "tries are the step's"
    rules = of(multi_node, "Role", "region-heads-runner")["rules"]
    granted = {
        (group, name): set(rule["verbs"]) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]
    }
    assert granted["trainer.kubeflow.org", "trainjobs"] == {"create", "get", "delete"}
    assert granted["trainer.kubeflow.org", "trainingruntimes"] == {"get"}
    assert granted["", "pods"] == {"list"}
    assert granted["", "pods/log"] == {"get"}
    assert granted["", "events"] == {"list"}


@pytest.mark.parametrize("name", ["single-gpu", "multi-node"])
def test_scheduled_runs_take_the_images_of_the_overlay_and_a_file_that_is_read(name: str, tmp_path: Path) -> None:
    resources = render(f"overlays/{name}")
    (template,) = (template for pod, template in pod_templates(resources) if pod == "CronJob/schedules")
    (container,) = template["spec"]["containers"]
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert environment["REGION_HEADS_IMAGE"] == container["image"]
    images = yaml.safe_load((MANIFESTS / "overlays" / name / "kustomization.yaml").read_text())["images"]
    (gpu,) = (image for image in images if image["name"] == "region-heads-gpu")
    assert environment["REGION_HEADS_GPU_IMAGE"] == f"{gpu['newName']}:{gpu['newTag']}"
    (config,) = (one for one in resources if one["metadata"]["name"].startswith("region-heads-schedules"))
    file = tmp_path / "schedules.yaml"
    file.write_text(config["data"]["schedules.yaml"])
    (schedule,) = read_schedules(file)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert schedule.params == Path(mounts["params"]) / "params.yaml"
    assert schedule.service_account in {one["metadata"]["name"] for one in resources if one["kind"] == "ServiceAccount"}
    assert container["args"][0] == f"--file={mounts['schedules']}/schedules.yaml"


def test_the_runtime_s_template_is_a_job_set_and_nothing_of_it_is_dropped(multi_node: Resources) -> None:
    """By JobSet's own model, in which fields that it does not know get lost."""
    spec = of(multi_node, "TrainingRuntime", "region-heads-torch")["spec"]["template"]["spec"]
    assert JobsetV1alpha2JobSetSpec.from_dict(spec).to_dict() == spec
    wrong = spec | {"restarts": 1}
    assert JobsetV1alpha2JobSetSpec.from_dict(wrong).to_dict() != wrong


def test_alerts_are_expressions_that_prometheus_reads_and_say_what_to_do(multi_node: Resources) -> None:
    groups = of(multi_node, "PrometheusRule", "region-heads")["spec"]["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        promql_parser.parse(rule["expr"])
        assert "alert" not in rule or set(rule["annotations"]) == {"summary", "description"}
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("sum(rate(region_heads_requests_total[10m])")


def test_alerts_name_what_is_there(multi_node: Resources) -> None:
    expressions = str(of(multi_node, "PrometheusRule", "region-heads")["spec"])
    for kind in ("deployment", "statefulset"):
        named = re.findall(rf'{kind}=~?"([^"]+)"', expressions)
        there = {one["metadata"]["name"] for one in multi_node if one["kind"].lower() == kind}
        there |= {"model-server-predictor"} if kind == "deployment" else set()  # what KServe makes of its component
        assert {name for names in named for name in names.split("|")} == there
    (jobs,) = re.findall(r'job_name=~"([^"]+)"', expressions)
    for cronjob in (of(multi_node, "CronJob", "schedules"), of(render("components/backup"), "CronJob", "backup")):
        assert re.fullmatch(jobs, f"{cronjob['metadata']['name']}-123")
    assert set(re.findall(r'cronjob="([^"]+)"', expressions)) == {"backup"}


def test_prometheus_finds_the_figures_that_the_alerts_are_about(multi_node: Resources) -> None:
    monitor = of(multi_node, "PodMonitor", "model-server")["spec"]
    template = of(multi_node, "Deployment", "model-server")["spec"]["template"]
    assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    (container,) = template["spec"]["containers"]
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    expressions = str(of(multi_node, "PrometheusRule", "region-heads")["spec"])
    assert set(re.findall(r"\bregion_heads_\w+", expressions)) <= exported().keys()


def exported() -> dict[str, set[str]]:
    """The model server's figures with the labels that they have, as Prometheus reads them."""
    worker = Worker(lambda: None, images=Images(Path()), limits=Limits())  # type: ignore[arg-type,return-value]
    metrics = Metrics(worker, {"model": "m"})
    metrics.request(200, 0.1)
    metrics.replies([Refusal("check", "question", "a question", "none", "ask one")])
    samples = [
        sample for family in text_string_to_metric_families(metrics.text().decode()) for sample in family.samples
    ]
    return {sample.name: set(sample.labels) | {"namespace", "pod"} for sample in samples}


_OF_THE_CLUSTER = {
    *("kube_deployment_created", "kube_deployment_status_replicas_available", "kube_statefulset_status_replicas_ready"),
    *("kube_pod_status_phase", "kube_pod_labels", "kube_pod_container_resource_requests", "kube_job_status_failed"),
    *("kube_cronjob_status_last_successful_time", "ALERTS"),
    *("kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"),
}
"""What kube-state-metrics, the kubelet and Prometheus itself export, of which no schema is at hand."""


def test_every_panel_of_the_dashboard_asks_for_what_is_exported(multi_node: Resources) -> None:
    config = of(multi_node, "ConfigMap", "region-heads-dashboard")
    dashboard = json.loads(config["data"]["dashboard.json"])
    (namespaces,) = (one["query"] for one in dashboard["templating"]["list"] if one["name"] == "namespace")
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    ours = exported()
    asked = set()
    for expression in (*expressions, namespaces.removeprefix("label_values(").removesuffix(", namespace)")):
        promql_parser.parse(expression)
        for name in re.findall(r"[A-Za-z_]\w*(?={)", expression):
            assert name in ours or name in _OF_THE_CLUSTER, expression
            asked.add(name)
        if found := re.search(r"\bregion_heads_\w+", expression):
            by = re.findall(r"by \(([^)]*)\)", expression)
            assert {label for labels in by for label in labels.split(", ")} <= ours[found[0]], expression
    figures = {name for name in ours if not name.endswith(("_created", "_sum", "_count"))}
    assert asked >= figures, "every figure of the model server is shown"
    assert all("$namespace" in expression for expression in expressions)
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells)), "no panel lies on another"
