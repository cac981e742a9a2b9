"""The single checks: each looks for one thing that a run will need, and says what it found."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from components.data_source import open_revision
from components.pipeline_run import WEBHOOK
from components.preflight.nodes import largest_offer
from components.preflight.runtimes import Missing, runtime_image
from components.preflight.settings import Params
from region_heads.errors import RegionHeadsError, public
from region_heads.registry.tracking import PIPELINE_RUN, connect, equals, in_words, parent_run, tracking_uri
from region_heads.settings import ClusterParams, DatasetParams, SourceParams, TrackingParams
from region_heads.training.settings import Params as FinetuneParams


@dataclass(frozen=True)
class Check:
    """One finding; only "failed" stops the run."""

    about: str
    result: Literal["ok", "failed", "not checked"]
    found: str


def tracking_server(tracking: TrackingParams, params: Params) -> Check:
    """MLflow answers and lets this run write."""
    uri = public(tracking_uri(tracking))
    if params.shared_tracking and uri.startswith("sqlite"):
        advice = "set tracking.uri to the server's address, or preflight.shared_tracking to false"
        return Check("tracking server", "failed", f"expected the address of a server, found the file {uri}; {advice}")
    try:
        client = connect(tracking)
        with in_words(client):
            if os.environ.get(PIPELINE_RUN) and not os.environ.get("MLFLOW_RUN_ID"):
                run = client.get_run(parent_run(client, tracking))
                client.log_text(run.info.run_id, "written before the run\n", "preflight.txt")
    except RegionHeadsError as error:
        return Check("tracking server", "failed", str(error))
    except Exception as error:  # the store of artifacts lets errors of its own library through
        reason = f"{type(error).__name__}: {public(str(error))}"
        found = f"{uri} answers, but its artifacts cannot be written ({reason}); check its store"
        return Check("tracking server", "failed", found)
    return Check("tracking server", "ok", uri)


def model_registry(tracking: TrackingParams) -> Check:
    """The registry can be read."""
    try:
        client = connect(tracking)
        with in_words(client):
            found = client.search_registered_models(equals("name", tracking.model_name), max_results=1)
    except RegionHeadsError as error:
        return Check("model registry", "failed", str(error))
    held = "is there" if found else "will be its first"
    return Check("model registry", "ok", f"model {tracking.model_name} {held}")


def data_revision(source: SourceParams, data: DatasetParams) -> tuple[Check, dict[str, str]]:
    """The revision exists and DVC tracks the data set in it; with the commit and digest that were found."""
    given = source.model_dump(mode="json")
    if not source.repository:
        return Check("data revision", "not checked", f"{data.path} is rendered or imported"), given
    try:
        with open_revision(source, data.path) as found:
            resolved = given | {"revision": found.commit, "digest": found.digest}
    except RegionHeadsError as error:
        return Check("data revision", "failed", str(error)), given
    return Check("data revision", "ok", f"{data.path} is {found.digest} in commit {found.commit[:12]}"), resolved


def gpus(cluster: ClusterParams, finetune: FinetuneParams) -> Check:
    """Training's processes and GPUs fit together, and some node has so many."""
    wanted = f"{cluster.gpus} x {cluster.gpu_type}"
    if finetune.processes > 1 and finetune.train_job.backend == "none" and cluster.gpus not in (0, finetune.processes):
        advice = "make them equal"
        found = f"expected a GPU for each process, found cluster.gpus {cluster.gpus} and finetune.processes "
        return Check("GPUs", "failed", f"{found}{finetune.processes}; {advice}")
    if cluster.gpus == 0:
        return Check("GPUs", "ok", "training asks for none")
    offer = largest_offer(cluster)
    if isinstance(offer, str):
        return Check("GPUs", "not checked", f"{wanted}: {offer}")
    if offer < cluster.gpus:
        advice = "lower cluster.gpus, or correct cluster.gpu_type and cluster.node_selector"
        return Check("GPUs", "failed", f"expected a node with {wanted}, found at most {offer}; {advice}")
    return Check("GPUs", "ok", f"{wanted}; a node with {offer} is there")


def training_runtime(finetune: FinetuneParams) -> Check:
    """What TrainJobs are made from is there."""
    found = runtime_image(finetune.train_job)
    if isinstance(found, Missing):
        return Check("training runtime", "failed", f"{found.words}; apply the manifests' component trainer-runtime")
    return Check("training runtime", "ok", f"{finetune.train_job.runtime}, with {found}")


def backbone(finetune: FinetuneParams) -> Check:
    """The backbone's configuration can be read, from a folder or from the hub."""
    if finetune.backbone == "tiny":
        return Check("backbone", "ok", "tiny is built from its configuration")
    from transformers import AutoConfig

    try:
        found = AutoConfig.from_pretrained(finetune.backbone)
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        advice = "name a model that this network can fetch, or a folder in the image or on a volume"
        return Check(
            "backbone", "failed", f"expected a model called {finetune.backbone}, found none ({reason}); {advice}"
        )
    return Check("backbone", "ok", f"{finetune.backbone} is a {found.model_type}")


def secrets(params: Params, environment: Mapping[str, str] = os.environ) -> Check:
    """The secrets that were asked for came with the pod; the others are named."""
    there = {
        "notifications": bool(environment.get(WEBHOOK)),
        "MLflow": bool(environment.get("MLFLOW_TRACKING_USERNAME") or environment.get("MLFLOW_TRACKING_TOKEN")),
        "object store": bool(environment.get("AWS_ACCESS_KEY_ID")),
        "Hugging Face": bool(environment.get("HF_TOKEN")),
    }
    if params.webhook and not there["notifications"]:
        advice = "create the secret region-heads-webhook with the key url, or set preflight.webhook to false"
        return Check("secrets", "failed", f"expected {WEBHOOK}, found none; {advice}")
    return Check("secrets", "ok", ", ".join(f"{name}: {'given' if given else 'none'}" for name, given in there.items()))


def page(checks: list[Check]) -> str:
    """The findings as Markdown."""
    cells = [(check.about, check.result, check.found.replace("|", "\\|").replace("\n", " ")) for check in checks]
    rows = "\n".join(f"| {about} | {result} | {found} |" for about, result, found in cells)
    return f"# Before the run\n\n| what | result | found |\n|---|---|---|\n{rows}\n"


def failures(checks: list[Check]) -> str | None:
    """All that failed in one message, None where nothing did."""
    failed = [f"{check.about}: {check.found}" for check in checks if check.result == "failed"]
    return "\n  ".join([f"{len(failed)} of {len(checks)} checks failed:", *failed]) if failed else None


def everything(  # one line for each check, in the order in which a person would set a cluster up
    params: Params,
    data: DatasetParams,
    source: SourceParams,
    tracking: TrackingParams,
    finetune: FinetuneParams,
    cluster: ClusterParams,
) -> tuple[list[Check], dict[str, Any]]:
    """All checks, and the source with what was found out about it."""
    about_data, resolved = data_revision(source, data)
    found = [
        secrets(params), tracking_server(tracking, params), model_registry(tracking), about_data,
        gpus(cluster, finetune), backbone(finetune),
    ]  # fmt: skip
    if finetune.train_job.backend == "kubernetes":
        found.append(training_runtime(finetune))
    return found, resolved


def write_page(checks: list[Check], target: Path) -> None:
    """Writes :func:`page`; also where checks failed, for that is when it is read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(checks), encoding="utf-8")
