"""What every task of a compiled pipeline asks of Kubernetes: limits, retries, caching, secrets, security."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.params import CLUSTER_STEPS, STEPS
from pipelines.compile import compile_text
from pipelines.task_policy import LABELS, NETWORK, NETWORK_FOLDER, NETWORK_KEYS, POLICIES, SECRETS
from region_heads.errors import RegionHeadsError

IN_TRAINING = ("preflight", *STEPS)
MODEL_STEPS = {"finetune", "evaluate"}


@pytest.fixture(scope="module")
def documents(params_file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline, and what Kubernetes alone knows of it."""
    pipeline, platform = yaml.safe_load_all(compile_text(params_file))
    return pipeline, platform["platforms"]["kubernetes"]


def test_every_step_has_a_policy() -> None:
    assert {*STEPS, *CLUSTER_STEPS} <= set(POLICIES)


@pytest.mark.parametrize("step", IN_TRAINING)
def test_each_executor_asks_for_what_it_may_use(step: str, documents: Any) -> None:
    resources = _executor(documents, step)["resources"]
    for kind in ("Cpu", "Memory"):
        assert resources[f"resource{kind}Request"] == resources[f"resource{kind}Limit"]
    policy = POLICIES[step]
    if step in MODEL_STEPS:
        assert resources["resourceCpuLimit"] == "{{$.inputs.parameters['pipelinechannel--cpus']}}"
        assert resources["resourceMemoryLimit"] == "{{$.inputs.parameters['pipelinechannel--memory']}}"
        assert resources["accelerator"]["resourceCount"] == "{{$.inputs.parameters['pipelinechannel--gpus']}}"
        assert resources["accelerator"]["resourceType"] == "{{$.inputs.parameters['pipelinechannel--gpu_type']}}"
    else:
        assert resources["resourceCpuLimit"] == policy.cpus
        assert resources["resourceMemoryLimit"] == policy.memory
        assert "accelerator" not in resources


@pytest.mark.parametrize("step", IN_TRAINING)
def test_each_executor_runs_as_the_images_user_with_its_secrets_by_reference(step: str, documents: Any) -> None:
    found = _kubernetes(documents, step)
    assert found["securityContext"] == {"runAsUser": "65532", "runAsGroup": "65532", "runAsNonRoot": True}
    given = {
        secret["secretName"]: {key["secretKey"]: key["envVar"] for key in secret["keyToEnv"]}
        for secret in found.get("secretAsEnv", [])
    }
    assert given == {name: SECRETS[name] for name in POLICIES[step].secrets}
    assert all(secret["optional"] for secret in found.get("secretAsEnv", []))
    assert "env" not in _executor(documents, step), "a value in the pipeline could be a secret's"


@pytest.mark.parametrize("step", IN_TRAINING)
def test_each_executor_has_labels_by_which_policies_find_it_and_the_way_out_of_the_cluster(
    step: str, documents: Any
) -> None:
    found = _kubernetes(documents, step)
    assert found["podMetadata"]["labels"] == LABELS
    (given,) = found["configMapAsEnv"]
    assert (given["configMapName"], given["optional"]) == (NETWORK, True)
    assert [key["envVar"] for key in given["keyToEnv"]] == list(NETWORK_KEYS)
    (mounted,) = found["configMapAsVolume"]
    assert (mounted["configMapName"], mounted["mountPath"], mounted["optional"]) == (NETWORK, NETWORK_FOLDER, True)


def test_every_pod_has_the_labels_and_annotations_of_the_cluster_beside_its_own(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "cluster: {pod_labels: {kueue.x-k8s.io/queue-name: data, cost-centre: '7'}, pod_annotations: {team: vision}}\n"
    )
    _, platform = yaml.safe_load_all(compile_text(file))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    expected = {
        "labels": {"kueue.x-k8s.io/queue-name": "data", "cost-centre": "7", **LABELS},
        "annotations": {"team": "vision"},
    }
    assert all(one["podMetadata"] == expected for one in executors.values())
    assert len(executors) >= len(IN_TRAINING)


def test_a_label_by_which_policies_find_a_task_cannot_be_set_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("cluster: {pod_labels: {sidecar.istio.io/inject: 'true'}}\n")
    with pytest.raises(RegionHeadsError, match=r"cluster\.pod_labels: expected none .*, found sidecar.istio.io/inject"):
        compile_text(file)


def test_where_the_cluster_chooses_users_no_task_asks_for_one(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("cluster: {user: null}\n")
    _, platform = yaml.safe_load_all(compile_text(file))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {str(one["securityContext"]) for one in executors.values()} == {"{'runAsNonRoot': True}"}


@pytest.mark.parametrize("step", IN_TRAINING)
def test_each_executor_knows_its_pipeline_run_and_installs_nothing(step: str, documents: Any) -> None:
    expected = [{"name": "REGION_HEADS_PIPELINE_RUN", "fieldPath": "metadata.labels['pipeline/runid']"}]
    assert _kubernetes(documents, step)["fieldPathAsEnv"] == expected
    assert "pip install" not in str(_executor(documents, step)["command"])


@pytest.mark.parametrize("step", IN_TRAINING)
def test_timeouts_retries_and_caching_are_those_of_the_table(step: str, documents: Any) -> None:
    task = documents[0]["root"]["dag"]["tasks"][step.replace("_", "-")]
    policy = POLICIES[step]
    assert task.get("retryPolicy", {}).get("maxRetryCount", 0) == policy.retries
    assert task["cachingOptions"].get("enableCache", False) == policy.cached
    seconds = _kubernetes(documents, step).get("activeDeadlineSeconds")
    assert seconds == (None if policy.seconds is None else str(policy.seconds))


def test_only_what_meets_the_world_is_never_cached() -> None:
    """The champion may change between two runs of the same data, and so may the registry and the cluster."""
    assert {step for step in IN_TRAINING if not POLICIES[step].cached} == {
        "preflight", "drift", "evaluate", "register", "promote",
    }  # fmt: skip


@pytest.mark.parametrize("step", IN_TRAINING)
def test_nodes_and_shared_memory_are_for_the_steps_that_run_the_model(step: str, documents: Any) -> None:
    found = _kubernetes(documents, step)
    if step not in MODEL_STEPS:
        assert {"nodeSelector", "tolerations", "emptyDirMounts"}.isdisjoint(found)
        return
    assert found["nodeSelector"] == {"nodeSelectorJson": {"componentInputParameter": "node_selector"}}
    assert found["tolerations"] == [{"tolerationJson": {"componentInputParameter": "tolerations"}}]
    (shared,) = found["emptyDirMounts"]
    assert (shared["mountPath"], shared["medium"], shared["sizeLimit"]) == ("/dev/shm", "Memory", "2Gi")


def test_nothing_is_spent_before_the_checks_have_passed(documents: Any) -> None:
    tasks = documents[0]["root"]["dag"]["tasks"]
    reached = {"preflight"}
    while more := {name for name, task in tasks.items() if reached & set(task.get("dependentTasks", []))} - reached:
        reached |= more
    assert reached == set(tasks)


def test_a_run_ends_and_its_pods_are_deleted(documents: Any) -> None:
    config = documents[1]["pipelineConfig"]
    assert config["activeDeadlineSeconds"] == 24 * 3600
    assert config["resourceTtlOnCompletion"] == 14 * 24 * 3600


def _executor(documents: Any, step: str) -> dict[str, Any]:
    container: dict[str, Any] = documents[0]["deploymentSpec"]["executors"][_name(step)]["container"]
    return container


def _kubernetes(documents: Any, step: str) -> dict[str, Any]:
    found: dict[str, Any] = documents[1]["deploymentSpec"]["executors"][_name(step)]
    return found


def _name(step: str) -> str:
    return f"exec-{step.replace('_', '-')}"


def test_where_a_train_job_trains_the_task_has_its_storage_and_no_gpu(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("finetune: {nodes: 4, processes: 8, train_job: {backend: kubernetes, claim: shared}}\n")
    pipeline, platform = yaml.safe_load_all(compile_text(file))
    resources = pipeline["deploymentSpec"]["executors"]["exec-finetune"]["container"]["resources"]
    assert "accelerator" not in resources
    assert resources["resourceCpuLimit"] == "1"
    found = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-finetune"]
    (mount,) = found["pvcMount"]
    assert mount["mountPath"] == "/work"
    assert mount["constant"] == "shared"
    assert found["securityContext"]["runAsNonRoot"]
