"""preflight: everything that is missing is said at once, within seconds, and before anything is spent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kubernetes.config.kube_config
import pytest
import yaml

from components.preflight.settings import Params
from components.preflight.step import run as preflight
from region_heads.errors import RegionHeadsError
from region_heads.registry.tracking import connect
from region_heads.settings import ClusterParams, DatasetParams, SourceParams, TrackingParams
from region_heads.training.settings import Params as FinetuneParams
from tests.components.data_repository import PATH, DataRepository
from tests.components.finetune.trainer_standin import trainer_standin


@pytest.fixture
def check(tmp_path: Path, tracking: TrackingParams) -> Any:
    """Runs the step; whatever is not given is sound."""

    def call(**changes: Any) -> dict[str, float]:
        sections = {
            "preflight": Params(), "data": DatasetParams(), "source": SourceParams(), "tracking": tracking,
            "finetune": FinetuneParams(), "cluster": ClusterParams(),
        }  # fmt: skip
        return preflight(checks=tmp_path / "checks.md", resolved=tmp_path / "source.json", **{**sections, **changes})

    return call


def test_a_sound_run_passes_and_says_what_was_looked_at(check: Any, tmp_path: Path) -> None:
    assert check() == {"checks": 6, "not_checked": 1}
    page = (tmp_path / "checks.md").read_text()
    for about in ("secrets", "tracking server", "model registry", "data revision", "GPUs", "backbone"):
        assert f"| {about} |" in page


def test_a_branch_becomes_the_commit_and_the_digest_that_everything_after_takes(check: Any, tmp_path: Path) -> None:
    repository = DataRepository.create(tmp_path / "owner")
    commit = repository.publish({"train.json": b"[]"})
    check(data=DatasetParams(path=PATH), source=repository.source)
    resolved = json.loads((tmp_path / "source.json").read_text())
    assert resolved["revision"] == commit
    assert resolved["digest"].endswith(".dir")
    assert SourceParams(**resolved).repository == repository.source.repository


def test_everything_that_is_missing_is_said_at_once_and_stands_on_the_page(check: Any, tmp_path: Path) -> None:
    with pytest.raises(RegionHeadsError) as refused:
        check(
            preflight=Params(webhook=True, shared_tracking=True),
            source=SourceParams(repository=str(tmp_path / "none")),
            finetune=FinetuneParams(backbone=str(tmp_path / "model"), processes=4),
            cluster=ClusterParams(gpus=2),
        )
    said = str(refused.value)
    assert said.startswith("5 of 6 checks failed:")
    for words in (
        "secrets: expected REGION_HEADS_WEBHOOK, found none; create the secret region-heads-webhook",
        "tracking server: expected the address of a server, found the file sqlite",
        "data revision: source: expected revision 'HEAD'",
        "GPUs: expected a GPU for each process, found cluster.gpus 2 and finetune.processes 4",
        "backbone: expected a model called",
    ):
        assert words in said
    assert (tmp_path / "checks.md").read_text().count("| failed |") == 5
    assert not (tmp_path / "source.json").exists()


def test_a_server_that_does_not_answer_is_reported_in_seconds(check: Any) -> None:
    with pytest.raises(RegionHeadsError, match=r"tracking server: MLflow at http://127\.0\.0\.1:9"):
        check(tracking=TrackingParams(uri="http://127.0.0.1:9"))


def test_the_artifacts_are_written_to_before_the_run_not_only_the_server_asked(
    check: Any, tracking: TrackingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION_HEADS_PIPELINE_RUN", "run-1")
    check()
    client = connect(tracking)
    (run,) = client.search_runs([client.get_experiment_by_name(tracking.experiment).experiment_id])
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["preflight.txt"]


def test_outside_a_cluster_nodes_are_not_asked_for_gpus(check: Any, tmp_path: Path) -> None:
    assert check(cluster=ClusterParams(gpus=1))["not_checked"] == 2
    assert "this is no pod of a cluster" in (tmp_path / "checks.md").read_text()


def test_where_a_train_job_is_to_train_its_runtime_must_be_there(
    check: Any, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes.config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    job = {"backend": "kubernetes"}
    with pytest.raises(RegionHeadsError, match=r"training runtime: expected .*Kubernetes cannot be reached"):
        check(finetune=FinetuneParams.model_validate({"train_job": job}))
    runtime = yaml.safe_load((repository / "manifests/components/trainer-runtime/runtime.yaml").read_text())
    with trainer_standin(runtime, tmp_path / "kubeconfig"):
        # Several ranks need no GPU of the task that only starts them.
        sound = check(finetune=FinetuneParams.model_validate({"processes": 8, "nodes": 2, "train_job": job}))
        assert sound["checks"] == 7
        with pytest.raises(RegionHeadsError, match=r"a training runtime called other, found none \(404 Not Found\)"):
            check(finetune=FinetuneParams.model_validate({"train_job": job | {"runtime": "other"}}))
    assert "| training runtime |" in (tmp_path / "checks.md").read_text()
