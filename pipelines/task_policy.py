"""What Kubernetes is asked for each task: decided per step, in one table."""

from dataclasses import dataclass
from typing import Any

from kfp import dsl, kubernetes

from region_heads.errors import RegionHeadsError
from region_heads.settings import ClusterParams
from region_heads.training.settings import TrainJobParams

_MINUTE, _HOUR = 60, 3600
BACKOFF = "10s"
"""How long a failed task waits before its second try; twice as long before the third."""

SECRETS: dict[str, dict[str, str]] = {
    "region-heads-mlflow": {
        "MLFLOW_TRACKING_USERNAME": "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD": "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN": "MLFLOW_TRACKING_TOKEN",
    },
    "region-heads-store": {
        "AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
    },
    "region-heads-webhook": {"url": "REGION_HEADS_WEBHOOK"},
    "region-heads-huggingface": {"HF_TOKEN": "HF_TOKEN"},
}
"""Secrets of the namespace, with the environment variable that each key becomes. All are optional: an MLflow server
without a login needs none, and ``preflight`` says which came."""

_MLFLOW, _STORE, _WEBHOOK, _HUB = SECRETS

NETWORK = "region-heads-network"
"""Config map of the namespace, optional too: proxy, mirror, and files such as an authority's certificate."""

NETWORK_FOLDER = "/etc/region-heads-network"
"""Where its files lie."""

NETWORK_KEYS = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO",
    "HF_ENDPOINT",
)  # fmt: skip
"""Its keys that become environment variables of the same name."""

LABELS = {
    # What the manifests' network policies select by; other pipelines of the namespace are not meant.
    "app.kubernetes.io/name": "pipeline-task",
    "app.kubernetes.io/part-of": "region-heads",
    # No mesh: a task's pod ends when its main container does, and servers of this project are outside of it as well.
    "sidecar.istio.io/inject": "false",
    "istio.io/dataplane-mode": "none",
}
"""Of every task's pod, beside the cluster's own ``pod_labels``."""


@dataclass(frozen=True)
class Policy:
    """What one task is allowed and asked for.

    Attributes:
        seconds: After which it is stopped; None leaves it to the run's own end.
        retries: How often a failed task is tried again.
        cached: Whether a result of the same inputs, parameters and image is taken instead.
        cpus, memory: Asked for and not exceeded; None: the model's, from the parameters, with its GPUs and nodes.
        secrets: Which it is given.
    """

    seconds: int | None
    retries: int = 1
    cached: bool = True
    cpus: str | None = "1"
    memory: str | None = "2Gi"
    secrets: tuple[str, ...] = ()


POLICIES: dict[str, Policy] = {
    # Looks at the world, which no cache knows; a second try would only double the wait for the message.
    "preflight": Policy(5 * _MINUTE, retries=0, cached=False, secrets=(_MLFLOW, _STORE, _WEBHOOK, _HUB)),
    "compare_data": Policy(5 * _MINUTE, cached=False, secrets=(_MLFLOW,)),
    # Commit and digest are its inputs. Networks fail for a while.
    "fetch_data": Policy(12 * _HOUR, retries=3, memory="4Gi", secrets=(_STORE,)),
    "sample_data": Policy(1 * _HOUR, cpus="2", memory="4Gi"),
    # The public set's half a million questions took 110 s and 2.6 GB here; pictures are opened beside.
    "validate": Policy(6 * _HOUR, cpus="2", memory="8Gi", secrets=(_MLFLOW,)),
    "tag_tasks": Policy(1 * _HOUR, cpus="2", memory="4Gi"),
    "split": Policy(1 * _HOUR, memory="4Gi"),
    # Compares with the champion, which is no input that a cache could know.
    "drift": Policy(1 * _HOUR, cached=False, memory="4Gi", secrets=(_MLFLOW,)),
    # Goes on from its checkpoint where that lies on a volume, so that a lost node costs little.
    "finetune": Policy(None, retries=2, cpus=None, memory=None, secrets=(_MLFLOW, _HUB)),
    # Judges the champion as well, which is no input that a cache could know.
    "evaluate": Policy(12 * _HOUR, cached=False, cpus=None, memory=None, secrets=(_MLFLOW,)),
    "visualize": Policy(1 * _HOUR, memory="4Gi", secrets=(_MLFLOW,)),
    # These change the registry: a cached result would leave it as it is. Both may safely be run again.
    "register": Policy(1 * _HOUR, cached=False, memory="4Gi", secrets=(_MLFLOW,)),
    "promote": Policy(15 * _MINUTE, retries=2, cached=False, secrets=(_MLFLOW,)),
    # A cached exit handler does not run at all.
    "notify": Policy(15 * _MINUTE, retries=2, cached=False, secrets=(_MLFLOW, _WEBHOOK)),
}


_LAUNCHER = ("1", "4Gi")
"""CPUs and memory of ``finetune`` where a TrainJob trains: it reads the split tables and copies the data set."""


def apply(task: dsl.PipelineTask, step: str, cluster: ClusterParams, given: dict[str, Any]) -> None:
    """Gives ``task`` the policy of ``step``.

    Args:
        cluster: What is fixed when the pipeline is compiled.
        given: The pipeline's own parameters ``cpus``, ``memory``, ``gpus``, ``gpu_type``, ``node_selector`` and
            ``tolerations``; the tasks that run the model take them.
    """
    policy = POLICIES[step]
    _apply(task, policy, cluster, policy.cpus or given["cpus"], policy.memory or given["memory"])
    if policy.cpus is None:
        _for_the_model(task, cluster, given)


def apply_launcher(task: dsl.PipelineTask, cluster: ClusterParams, train_job: TrainJobParams) -> None:
    """Gives the task ``finetune`` what it needs where it only starts a TrainJob: no GPU, but the storage."""
    _apply(task, POLICIES["finetune"], cluster, *_LAUNCHER)
    kubernetes.mount_pvc(task, pvc_name=train_job.claim, mount_path=train_job.folder)


def _apply(task: dsl.PipelineTask, policy: Policy, cluster: ClusterParams, cpus: Any, memory: Any) -> None:
    task.set_caching_options(enable_caching=policy.cached)
    if policy.retries:
        task.set_retry(policy.retries, backoff_duration=BACKOFF, backoff_factor=2, backoff_max_duration="600s")
    if policy.seconds is not None:
        kubernetes.set_timeout(task, policy.seconds)
    task.set_cpu_request(cpus).set_cpu_limit(cpus).set_memory_request(memory).set_memory_limit(memory)
    for name in policy.secrets:
        keys = SECRETS[name]
        kubernetes.use_secret_as_env(task, secret_name=name, secret_key_to_env=keys, optional=True)
    # Kubeflow itself forbids privileges and drops all capabilities; it has no setting for a read-only root.
    kubernetes.set_security_context(task, run_as_user=cluster.user, run_as_group=cluster.user, run_as_non_root=True)
    if taken := sorted(cluster.pod_labels.keys() & LABELS.keys()):
        raise RegionHeadsError(
            f"cluster.pod_labels: expected none that every task has already, found {taken[0]}; remove it"
        )
    for label, value in (cluster.pod_labels | LABELS).items():
        kubernetes.add_pod_label(task, label, value)
    for name, value in cluster.pod_annotations.items():
        kubernetes.add_pod_annotation(task, name, value)
    kubernetes.use_config_map_as_env(task, NETWORK, {key: key for key in NETWORK_KEYS}, optional=True)
    kubernetes.use_config_map_as_volume(task, NETWORK, NETWORK_FOLDER, optional=True)
    kubernetes.use_field_path_as_env(task, "REGION_HEADS_PIPELINE_RUN", "metadata.labels['pipeline/runid']")


def _for_the_model(task: dsl.PipelineTask, cluster: ClusterParams, given: dict[str, Any]) -> None:
    task.set_accelerator_type(given["gpu_type"]).set_accelerator_limit(given["gpus"])
    # kfp 2.17 does not hand parameters that stand in resources alone down to a task within a group.
    task.register_pipeline_channels([given[name] for name in ("cpus", "memory", "gpus", "gpu_type")])
    kubernetes.add_node_selector_json(task, given["node_selector"])
    kubernetes.add_toleration_json(task, given["tolerations"])
    # Data-loader workers hand batches over in /dev/shm, of which a container has 64 MB.
    kubernetes.empty_dir_mount(
        task, volume_name="shm", mount_path="/dev/shm", medium="Memory", size_limit=cluster.shared_memory
    )
