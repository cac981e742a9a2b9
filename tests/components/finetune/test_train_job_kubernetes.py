"""A TrainJob on Kubernetes: Kubeflow's client and a stand-in that holds the API's models and runs its nodes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes.config.kube_config
import pyarrow as pa
import pytest
import yaml

from components.finetune.train_job.backends import open_backend
from components.finetune.train_job.lease import GPUS
from components.finetune.train_job.run import job_name
from region_heads.console.boundary import in_words
from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import PIPELINE_RUN
from region_heads.settings import TrackingParams
from region_heads.training.settings import Params
from tests.components.finetune.train_job_run import assert_same_training, train
from tests.components.finetune.trainer_cluster import Cluster
from tests.components.finetune.trainer_standin import trainer_standin

AWAY = "http://127.0.0.1:9"


@pytest.fixture
def cluster(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """With the runtime of the manifests, and the rights of their account."""
    monkeypatch.setattr(kubernetes.config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr("components.finetune.train_job.backends._POLL", 0.2)
    runtime = repository / "manifests" / "components" / "trainer-runtime" / "runtime.yaml"
    (tmp_path / "work").mkdir()
    role, _ = yaml.safe_load_all((repository / "manifests" / "base" / "pipeline-runner" / "role.yaml").read_text())
    with trainer_standin(yaml.safe_load(runtime.read_text()), tmp_path / "kubeconfig") as standin:
        standin.roles = {(verb, name) for rule in role["rules"] for verb in rule["verbs"] for name in rule["resources"]}
        yield standin


def kubernetes_job(tmp_path: Path, **more: Any) -> dict[str, Any]:
    return {"backend": "kubernetes", "folder": str(tmp_path / "work"), **more}


@pytest.mark.slow
def test_two_nodes_wait_for_gpus_and_learn_what_one_process_learns(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(table, image_folder, tmp_path / "start", learning_rate=1e-12)
    train(table, image_folder, tmp_path / "one", images_per_batch=2)
    cluster.queued = 10
    cluster.away = 3
    capfd.readouterr()
    train(table, image_folder, tmp_path / "two", nodes=2, train_job=kubernetes_job(tmp_path), tracking=AWAY)
    assert_same_training(tmp_path / "two", tmp_path / "one", tmp_path / "start")
    log = capfd.readouterr().out
    assert log.count("waits for machines: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.") == 1
    assert "trained " in log, "the first node's log is the step's"
    assert len(cluster.created) == 1
    assert cluster.deleted == cluster.created
    assert not list((tmp_path / "work").iterdir()), "nothing is left on the shared storage"
    of_kubeflow = {"workflowtaskresults", "configmaps", "secrets"}
    assert cluster.asked == {(verb, name) for verb, name in cluster.roles or () if name not in of_kubeflow}, (
        "no right too many"
    )


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["zero2", "zero3"])
@pytest.mark.usefixtures("cluster")
def test_nodes_that_share_states_and_weights_by_deepspeed_learn_it_too(
    table: pa.Table, image_folder: Path, tmp_path: Path, preset: str
) -> None:
    train(table, image_folder, tmp_path / "start", learning_rate=1e-12)
    train(table, image_folder, tmp_path / "one", images_per_batch=2)
    job = kubernetes_job(tmp_path)
    train(table, image_folder, tmp_path / "two", nodes=2, deepspeed=preset, train_job=job, tracking=AWAY)
    assert_same_training(tmp_path / "two", tmp_path / "one", tmp_path / "start")


@pytest.mark.slow
def test_preempted_nodes_go_on_from_the_last_checkpoint(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def preempt() -> None:
        while not list((tmp_path / "work").glob("*/checkpoints/*/checkpoint-*/seal.json")):
            time.sleep(0.05)
        cluster.preempt()

    killer = threading.Thread(target=preempt, daemon=True)
    killer.start()
    train(table, image_folder, tmp_path / "cut", nodes=2, train_job=kubernetes_job(tmp_path), tracking=AWAY)
    killer.join()
    log = capfd.readouterr().out
    assert "try 1 of 3 ended without a result" in log
    assert "resuming from" in log, log
    assert len(cluster.created) == 2
    assert cluster.deleted == cluster.created


@pytest.mark.slow
def test_a_job_that_loses_its_machines_every_time_is_given_up_and_says_where_it_goes_on(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path
) -> None:
    ended = threading.Event()

    def preempt() -> None:
        while not ended.wait(0.2):
            cluster.preempt()

    killer = threading.Thread(target=preempt, daemon=True)
    killer.start()
    with pytest.raises(
        RegionHeadsError, match=r"try 2 of 2 ended without a result.*The same command starts from the beginning"
    ):
        train(table, image_folder, tmp_path, nodes=2, train_job=kubernetes_job(tmp_path, tries=2), tracking=AWAY)
    ended.set()
    killer.join()
    assert not cluster.jobs


def test_what_is_submitted_is_what_was_asked_for(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes, resources, image, the run's name; no login, which anyone who may read jobs could read."""
    monkeypatch.setenv(PIPELINE_RUN, "0a1b-2C3D4e5f")
    for name in ("MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "REGION_HEADS_WEBHOOK"):
        monkeypatch.setenv(name, "do-not-tell")
    cluster.queued = 10_000
    job = kubernetes_job(
        tmp_path, queue_hours=0.5 / 3600, image="region-heads@sha256:1", resources={"gpu": 8, "memory": "64Gi"},
        queue="vision",
    )  # fmt: skip
    with pytest.raises(RegionHeadsError, match=r"expected its nodes within .* hours .*Insufficient nvidia.com/gpu"):
        train(table, image_folder, tmp_path, nodes=3, processes=8, train_job=job, tracking=AWAY)
    (submitted,) = cluster.submitted
    assert submitted["metadata"]["name"].endswith("-2c3d4e5f")
    assert submitted["metadata"]["labels"]["region-heads/pipeline-run"] == "0a1b-2C3D4e5f"
    assert submitted["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "vision"
    trainer = submitted["spec"]["trainer"]
    assert trainer["numNodes"] == 3
    assert trainer["image"] == "region-heads@sha256:1"
    limits = {"nvidia.com/gpu": 8, "memory": "64Gi"}
    assert trainer["resourcesPerNode"] == {"limits": limits, "requests": limits}
    assert "do-not-tell" not in str(submitted)
    assert cluster.deleted == cluster.created, "nobody waits for it any more"


@pytest.mark.parametrize(
    ("resources", "runtime", "asked"),
    [
        ({"GPU": "8", "cpu": 2}, {}, 8),
        ({"amd.com/gpu": 2}, {"nvidia.com/gpu": 4}, 2),
        ({}, {"nvidia.com/gpu": 4}, 4),
        ({}, {"nvidia.com/gpu": "4"}, 4),
        ({}, {}, 0),
        ({"cpu": 2}, {"nvidia.com/gpu": 4}, 0),
    ],
)
def test_a_node_knows_how_many_gpus_it_was_asked_for_also_by_its_runtime(
    cluster: Cluster, tmp_path: Path, resources: dict[str, str | int], runtime: dict[str, Any], asked: int
) -> None:
    spec = cluster.runtime["spec"]
    spec["mlPolicy"]["numNodes"] = 3
    (job,) = spec["template"]["spec"]["replicatedJobs"]
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    container["resources"]["limits"].update(runtime)
    params = Params.model_validate({"train_job": kubernetes_job(tmp_path, resources=resources), "nodes": 2})
    backend = open_backend(params, TrackingParams(uri=AWAY), name="finetune-1")
    assert backend.trainer.env[GPUS] == str(asked)


def test_gpus_that_are_no_number_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    params = Params.model_validate({"train_job": kubernetes_job(tmp_path, resources={"gpu": "all"})})
    with pytest.raises(RegionHeadsError, match=r"train_job\.resources: expected a whole number of GPUs, found 'all'"):
        open_backend(params, TrackingParams(uri=AWAY), name="finetune-1")
    assert not cluster.created


def test_a_job_of_a_step_that_died_is_deleted_first(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.queued = 10_000
    job = kubernetes_job(tmp_path, queue_hours=0.5 / 3600)
    with pytest.raises(RegionHeadsError, match="expected its nodes"):
        train(table, image_folder, tmp_path, nodes=2, train_job=job, tracking=AWAY)
    (name,) = cluster.created
    assert name == job_name(name.removeprefix("finetune-"))
    cluster.create(
        {
            "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "metadata": {"name": name},
            "spec": {"runtimeRef": {"name": "region-heads-torch"}, "trainer": {"numNodes": 2}},
        }
    )  # fmt: skip
    capfd.readouterr()
    with pytest.raises(RegionHeadsError, match="expected its nodes"):
        train(table, image_folder, tmp_path, nodes=2, train_job=job, tracking=AWAY)
    assert f"TrainJob {name} was left over from a step that has ended; deleted" in capfd.readouterr().out
    assert cluster.created == [name] * 3
    assert cluster.deleted == [name] * 3


def test_sigterm_deletes_the_job(cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    """As Kubernetes ends a pod; the step's process is this one here, and ends as every step does."""
    cluster.queued = 10_000

    def cancel() -> None:
        while not cluster.created:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=cancel, daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"), in_words("finetune"):
        train(table, image_folder, tmp_path, nodes=2, train_job=kubernetes_job(tmp_path), tracking=AWAY)
    assert cluster.deleted == cluster.created
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_refusal_is_reported_in_words(cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path) -> None:
    cluster.forbidden = True
    with pytest.raises(RegionHeadsError, match=r"TrainJob \S+: could not be created \(403 Forbidden\)"):
        train(table, image_folder, tmp_path, nodes=2, train_job=kubernetes_job(tmp_path), tracking=AWAY)


@pytest.mark.parametrize(
    ("settings", "tracking", "message"),
    [
        ({"nodes": 2}, AWAY, r'finetune\.nodes: expected 1 where finetune\.train_job\.backend is "none", found 2'),
        ({"nodes": 2, "train_job": {"backend": "processes"}}, AWAY, r'expected 1 for the backend "processes", found 2'),
        ({"train_job": {"backend": "kubernetes"}}, "", r"tracking\.uri: expected the address of an MLflow server"),
        ({"train_job": {"backend": "kubernetes", "folder": "/none"}}, AWAY, r"found no folder /none; name its claim"),
        ({"train_job": {"backend": "kubernetes", "runtime": "other", "folder": "/tmp"}}, AWAY,
         r"expected a training runtime called other, found none \(404 Not Found\)"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_said_before_anything_is_started(
    cluster: Cluster, table: pa.Table, image_folder: Path, tmp_path: Path,
    settings: dict[str, Any], tracking: str, message: str,
) -> None:  # fmt: skip
    with pytest.raises(RegionHeadsError, match=message):
        train(table, image_folder, tmp_path, tracking=tracking, **settings)
    assert not cluster.created
