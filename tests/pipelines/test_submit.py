"""Starting a run, through kfp's own client, against a stand-in for the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.connection import kubeflow
from pipelines.submit import submit
from region_heads.errors import RegionHeadsError
from tests.pipelines.kubeflow_standin import Server


def test_a_run_carries_the_compiled_pipeline(server: Server, params: Path) -> None:
    run_id = submit(
        params, host=server.host, experiment="region-heads", name="first", service_account="pipeline-runner"
    )
    (run,) = server.stored["runs"].values()
    assert run.run_id == run_id
    assert run.display_name == "first"
    assert run.service_account == "pipeline-runner"
    assert run.experiment_id == next(iter(server.stored["experiments"]))
    parameters = run.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
    assert parameters["finetune"]["defaultValue"]["epochs"] == 2
    assert "kubernetes" in run.pipeline_spec["platform_spec"]["platforms"], "secrets, security, timeouts"


def test_a_second_run_finds_the_experiment(server: Server, params: Path) -> None:
    for _ in range(2):
        submit(params, host=server.host, experiment="region-heads")
    assert len(server.stored["experiments"]) == 1
    assert len(server.stored["runs"]) == 2


def test_a_refusal_is_told_in_words(server: Server, params: Path) -> None:
    server.denied = True
    with pytest.raises(RegionHeadsError, match=r"the server refused \(403 .*quota exceeded"):
        submit(params, host=server.host, experiment="region-heads")


@pytest.mark.parametrize(
    ("host", "message"),
    [
        (None, r"expected --host URL or KF_PIPELINES_ENDPOINT, found neither"),
        ("http://127.0.0.1:9", r"no Kubeflow Pipelines server is reachable there"),
        ("ftp://127.0.0.1", r"expected an address such as http://localhost:8888"),
    ],
)
def test_without_a_server_it_says_so_at_once(host: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT", raising=False)
    with pytest.raises(RegionHeadsError, match=message), kubeflow(host):
        pass
